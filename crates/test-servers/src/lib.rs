#![doc = include_str!("../README.md")]

mod postgres;
mod tls;

pub use postgres::{Database, Held, URL_VARIABLE};
pub use tls::{Authority, Gate};
