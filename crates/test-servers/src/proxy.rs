//! An address that leads to one server or another.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Passes connections on.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    way: Arc<Mutex<Way>>,
    _tasks: JoinSet<()>,
}

/// How connections are passed on.
#[derive(Debug, Clone)]
struct Way {
    target: SocketAddr,
    /// Ends the connections that are open.
    cut: CancellationToken,
    /// The connections that are open pass nothing any more, and stay.
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
        let way = Arc::new(Mutex::new(Way {
            target,
            cut: CancellationToken::new(),
            silence: CancellationToken::new(),
        }));
        let mut tasks = JoinSet::new();
        let known = Arc::clone(&way);
        tasks.spawn(async move {
            let mut visits = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let way = known.lock().unwrap_or_else(PoisonError::into_inner).clone();
                visits.spawn(pass(stream, way));
            }
        });
        Ok(Self {
            address,
            way,
            _tasks: tasks,
        })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Leads new connections to another server; open ones stay where they are.
    pub fn lead_to(&self, target: SocketAddr) {
        self.change(|way| way.target = target);
    }

    /// Ends all open connections.
    pub fn cut(&self) {
        self.change(|way| std::mem::take(&mut way.cut).cancel());
    }

    /// Passes nothing on any more over the connections that are open, and ends none of them, as a
    /// machine in between does that has forgotten them.
    pub fn silence(&self) {
        self.change(|way| std::mem::take(&mut way.silence).cancel());
    }

    fn change(&self, change: impl FnOnce(&mut Way)) {
        change(&mut self.way.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

async fn pass(outside: TcpStream, way: Way) {
    let Ok(inside) = TcpStream::connect(way.target).await else {
        return;
    };
    let (outside_read, outside_write) = outside.into_split();
    let (inside_read, inside_write) = inside.into_split();
    let passing = async {
        tokio::select! {
            () = copy(outside_read, inside_write, &way.silence) => {}
            () = copy(inside_read, outside_write, &way.silence) => {}
        }
    };
    way.cut.run_until_cancelled(passing).await;
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
