//! One long connection: the handshake, and a task that executes commands.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::Request,
    http::{Response, StatusCode, header},
};
use futures_util::{SinkExt as _, StreamExt as _};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::sync::mpsc;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::server::create_response_with_body,
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use crate::ids::AppIndex;
use crate::long_connections::{ConnectionCommand, HandshakeRefusal};
use crate::{ids::ConnectionId, shared::Shared};

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// `GET /ws/v2`: opens a connection or refuses it.
pub(crate) fn connect(shared: &Arc<Shared>, mut http: Request) -> Response<Body> {
    let response = match create_response_with_body(&http, Body::empty) {
        Ok(response) => response,
        Err(error) => {
            shared.change(|state| state.violate(&format!("invalid handshake: {error}")));
            return refused(&HandshakeRefusal::of(400, "invalid handshake"));
        }
    };
    for name in [header::AUTHORIZATION, header::SEC_WEBSOCKET_PROTOCOL] {
        if http.headers().contains_key(&name) {
            let what = format!("a handshake with the header {name}");
            shared.change(|state| state.violate(&what));
        }
    }
    let (sender, commands) = mpsc::unbounded_channel();
    let query = http.uri().query().unwrap_or_default().to_owned();
    let shaken = shared.change(|state| state.shake_hands(&query, sender));
    let (app, connection) = match shaken {
        Ok(opened) => opened,
        Err(refusal) => return refused(&refusal),
    };
    let upgrade = hyper::upgrade::on(&mut http);
    let task = {
        let shared = shared.clone();
        async move {
            if let Ok(upgraded) = upgrade.await {
                let io = TokioIo::new(upgraded);
                let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
                tokio::select! {
                    () = converse(&shared, app, &connection, socket, commands) => {}
                    () = shared.stopped() => {}
                }
            }
            close(&shared, app, &connection);
        }
    };
    shared.tasks.spawn_on(task, &shared.runtime);
    response
}

/// The HTTP status is not documented, except that it is not 101.
fn refused(refusal: &HandshakeRefusal) -> Response<Body> {
    let mut response = Response::builder()
        .status(StatusCode::FORBIDDEN)
        .header("Handshake-Status", refusal.status)
        .header("Handshake-Msg", &refusal.msg);
    if let Some(code) = refusal.autherrcode {
        response = response.header("Handshake-Autherrcode", code);
    }
    // The message of a test may be invalid in a header.
    response.body(Body::empty()).unwrap_or_default()
}

fn close(shared: &Shared, app: AppIndex, connection: &ConnectionId) {
    shared.change_as(app, |state| {
        state.apps.present_mut().long_connections.close(connection);
    });
}

/// Runs until the connection ends.
async fn converse(
    shared: &Shared,
    app: AppIndex,
    connection: &ConnectionId,
    mut socket: Socket,
    mut commands: mpsc::UnboundedReceiver<ConnectionCommand>,
) {
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                Some(ConnectionCommand::Frames(frames)) => {
                    for bytes in frames {
                        // A closed connection is noticed when reading.
                        socket.send(Message::Binary(bytes.into())).await.ok();
                    }
                }
                Some(ConnectionCommand::Text(text)) => {
                    socket.send(Message::Text(text.into())).await.ok();
                }
                Some(ConnectionCommand::Kick) => {
                    close(shared, app, connection);
                    let goodbye = CloseFrame { code: CloseCode::Away, reason: "kicked".into() };
                    socket.close(Some(goodbye)).await.ok();
                    while let Some(Ok(_)) = socket.next().await {}
                    return;
                }
                Some(ConnectionCommand::Silence) => {
                    // Until a command to hang up.
                    while !matches!(commands.recv().await, None | Some(ConnectionCommand::HangUp)) {}
                    return;
                }
                Some(ConnectionCommand::HangUp) | None => return,
            },
            message = socket.next() => match message {
                Some(Ok(Message::Binary(bytes))) => {
                    let answer = shared.change_as(app, |state| state.receive(connection, &bytes));
                    if let Some(answer) = answer {
                        socket.send(Message::Binary(answer.into())).await.ok();
                    }
                }
                Some(Ok(Message::Text(text))) => {
                    shared.change(|state| state.violate(&format!("a text message: {text}")));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return,
            },
        }
    }
}
