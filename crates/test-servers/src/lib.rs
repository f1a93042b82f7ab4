#![doc = include_str!("../README.md")]

mod postgres;
mod proxy;
mod tls;

pub use postgres::{Bouncer, Database, Held, Server, URL_VARIABLE};
pub use proxy::Proxy;
pub use tls::{Authority, Gate};
