//! A TCP proxy whose target can be changed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Forwards connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    route: Arc<Mutex<Route>>,
    _tasks: JoinSet<()>,
}

/// The current target.
#[derive(Debug, Clone)]
struct Route {
    target: SocketAddr,
    /// Ends the connections that are open.
    cut: CancellationToken,
    /// Open connections stay open, and no longer pass data.
    silence: CancellationToken,
}

impl Proxy {
    /// Opens one that leads to a server.
    ///
    /// # Errors
    ///
    /// When no port is free.
    pub async fn open(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("opening a proxy")?;
        let address = listener.local_addr()?;
        let route = Arc::new(Mutex::new(Route {
            target,
            cut: CancellationToken::new(),
            silence: CancellationToken::new(),
        }));
        let mut tasks = JoinSet::new();
        let known = Arc::clone(&route);
        tasks.spawn(async move {
            let mut visits = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let route = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
                visits.spawn(pass(stream, route));
            }
        });
        Ok(Self {
            address,
            route,
            _tasks: tasks,
        })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads new connections to another server; open ones stay where they are.
    pub fn lead_to(&self, target: SocketAddr) {
        self.change(|route| route.target = target);
    }

    /// Ends all open connections.
    pub fn cut(&self) {
        self.change(|route| std::mem::take(&mut route.cut).cancel());
    }

    /// Stops passing data over open connections without closing them, as a
    /// machine in between does that has forgotten them.
    pub fn silence(&self) {
        self.change(|route| std::mem::take(&mut route.silence).cancel());
    }

    fn change(&self, change: impl FnOnce(&mut Route)) {
        change(&mut self.route.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

async fn pass(outside: TcpStream, route: Route) {
    let Ok(inside) = TcpStream::connect(route.target).await else {
        return;
    };
    let (outside_read, outside_write) = outside.into_split();
    let (inside_read, inside_write) = inside.into_split();
    let passing = async {
        tokio::select! {
            () = copy(outside_read, inside_write, &route.silence) => {}
            () = copy(inside_read, outside_write, &route.silence) => {}
        }
    };
    route.cut.run_until_cancelled(passing).await;
}

/// Passes bytes on until either end is gone.
async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, silence: &CancellationToken) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let length = match from.read(&mut buffer).await {
            Ok(length @ 1..) if !silence.is_cancelled() => length,
            Ok(1..) => continue,
            // The other end of a forgotten connection does not hear of it.
            Ok(0) | Err(_) if silence.is_cancelled() => return std::future::pending().await,
            Ok(0) | Err(_) => return,
        };
        if to.write_all(&buffer[..length]).await.is_err() {
            return;
        }
    }
}
