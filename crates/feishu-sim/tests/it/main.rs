//! The simulator seen from outside: plain HTTP requests, and a plain webhook for its pushes.
#![expect(clippy::unwrap_used, reason = "tests")]

mod application;
mod apps;
mod client;
mod consent;
mod docx;
mod docx_containers;
mod faults;
mod gateway;
mod legacy;
mod long_connection;
mod medias;
mod messages;
mod notifications;
mod presses;
mod private_cards;
mod pushes;
mod registration;
mod slash_commands;
mod socket;
mod top_notice;
mod webhook;
