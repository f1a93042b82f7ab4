//! The console: pages on the admin listener that show what the bot does, and steer it.
//!
//! `routes` guards every request (`access`) and hands it to a page. Pages read the `store` through a
//! separate connection, which is opened by the first request and closed when nobody has looked for a
//! while, so an idle console costs nothing. Pages are rendered here and work without JavaScript; a
//! script replaces the parts that change.

mod access;
mod attempts;
mod audit;
mod check;
mod export;
mod failure;
mod groups;
mod jobs;
mod live;
mod login;
mod overview;
mod page;
mod plot;
mod routes;
mod sessions;
mod settings;
mod state;
mod store;
mod tenants;
mod visitor;
mod words;

pub(crate) use routes::routes;
pub(crate) use state::{Console, ConsoleSettings, Parts};
pub(crate) use visitor::Peer;
