//! Answers that the pretend platform never gives, from a bare socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

use feishu::{
    AppId, Block, BlockId, CardForm, Client, Clock, CreateChildren, Error, IdType, InvalidResponse,
    OAuthError, TransportFailure,
};

use crate::config_for;

const TOKEN: &str = r#"{"code":0,"msg":"ok","tenant_access_token":"t-1","expire":7200}"#;

/// A client of a server that answers the token call and then the next call with `status`,
/// `headers` and `body`.
fn client(status: u16, headers: &'static str, body: String) -> Client {
    answering([(200, "", TOKEN.to_owned()), (status, headers, body)])
}

/// A client of a server that gives these answers, whatever it is asked.
pub(crate) fn answering<const N: usize>(answers: [(u16, &'static str, String); N]) -> Client {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for (status, headers, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            read_request(&stream);
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).unwrap();
            // A client that stops reading a long answer closes the connection meanwhile.
            drop(stream.write_all(body.as_bytes()));
        }
    });
    let base_url = format!("http://{address}");
    Client::new(config_for(&base_url, AppId::new("cli_1"), Clock::system())).unwrap()
}

fn read_request(stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let line = line.to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length]).unwrap();
}

#[tokio::test]
async fn the_log_id_comes_from_the_best_source() {
    let body = || r#"{"code":1,"msg":"no","error":{"log_id":"from the body"}}"#.to_owned();
    let check = async |headers, expected| {
        let error = client(400, headers, body()).bot_info().await.unwrap_err();
        assert_eq!(error.log_id(), Some(expected), "{headers}");
    };
    check("X-Request-Id: second\r\nX-Tt-Logid: first\r\n", "first").await;
    check("X-Request-Id: second\r\n", "second").await;
    check("", "from the body").await;
}

#[tokio::test]
async fn a_refusal_needs_only_a_code() {
    for body in [
        r#"{"code":7}"#,
        r#"{"code":7,"msg":null,"error":[1],"data":{}}"#,
    ] {
        let error = client(200, "", body.to_owned())
            .bot_info()
            .await
            .unwrap_err();
        let Error::Api(refusal) = &error else {
            panic!("{error:?}")
        };
        assert_eq!((refusal.code, refusal.status), (7, 200));
        assert_eq!((error.log_id(), error.retry_after()), (None, None));
    }
}

#[tokio::test]
async fn refusals_of_oauth_need_no_code() {
    let refresh = async |status, body: &str| {
        let client = answering([(status, "", body.to_owned())]);
        client.refresh_user_token(&"r".into()).await.unwrap_err()
    };
    for (status, body, code, error, is_retryable) in [
        (
            400,
            r#"{"error":"invalid_grant"}"#,
            None,
            OAuthError::InvalidGrant,
            false,
        ),
        (400, r#"{"error":"new"}"#, None, OAuthError::Other, false),
        (
            200,
            r#"{"error":"server_error"}"#,
            None,
            OAuthError::ServerError,
            true,
        ),
        (
            400,
            r#"{"code":20064,"error":"invalid_grant","error_description":"revoked"}"#,
            Some(20_064),
            OAuthError::InvalidGrant,
            false,
        ),
    ] {
        let refused = refresh(status, body).await;
        let Error::Api(refusal) = &refused else {
            panic!("{refused:?}")
        };
        assert_eq!(
            (refused.code(), refusal.oauth_error),
            (code, Some(error)),
            "{body}"
        );
        assert_eq!(refused.is_retryable(), is_retryable, "{body}");
        assert!(
            !refused.may_have_taken_effect() && !refused.is_app_refused(),
            "{body}"
        );
    }

    // The gateway answers as everywhere.
    let limited = r#"{"code":99991400,"msg":"request trigger frequency limit","error":{}}"#;
    let limited = refresh(429, limited).await;
    assert!(limited.is_rate_limited() && !limited.may_have_taken_effect());
    for (status, body) in [
        (200, ""),
        (200, r#"{"code":0}"#),
        (502, "{}"),
        (200, "<html>"),
    ] {
        let error = refresh(status, body).await;
        assert!(matches!(error, Error::InvalidResponse { .. }), "{error:?}");
        assert!(error.may_have_taken_effect(), "{body}");
    }
}

#[tokio::test]
async fn an_answer_without_required_fields_is_an_error() {
    let shapeless = async |status, headers, body: String| match client(status, headers, body)
        .bot_info()
        .await
    {
        Err(Error::InvalidResponse { detail, .. }) => detail,
        other => panic!("{other:?}"),
    };
    let ok = r#"{"code":0,"msg":"ok"}"#.to_owned();
    assert_eq!(shapeless(200, "", ok).await, InvalidResponse::Shape);
    let elsewhere = "Location: http://127.0.0.1:1/\r\n";
    assert_eq!(
        shapeless(302, elsewhere, String::new()).await,
        InvalidResponse::NotJson
    );
    let long = || " ".repeat((512 << 10) + 1);
    assert_eq!(shapeless(200, "", long()).await, InvalidResponse::TooLarge);
    // A long page is a page.
    let page = "Content-Type: text/html\r\n";
    assert_eq!(shapeless(403, page, long()).await, InvalidResponse::Foreign);
}

#[tokio::test]
async fn an_insertion_reads_both_revision_names() {
    for name in ["revision_id", "document_revision_id"] {
        let body = format!(
            r#"{{"code":0,"data":{{"children":[{{"block_id":"b1","block_type":2}}],"{name}":7}}}}"#
        );
        let insertion = CreateChildren::<Block> {
            parent: &BlockId::new("oc_1"),
            index: 0,
            children: &[],
            revision_id: -1,
            client_token: "",
        };
        let client = client(200, "", body);
        let created = client
            .create_docx_children(&"oc_1".into(), insertion)
            .await
            .unwrap();
        assert_eq!(
            (created.revision_id, created.block_ids),
            (Some(7), vec!["b1".into()])
        );
    }
}

#[tokio::test]
async fn incomplete_answers_of_writes_are_no_errors() {
    for data in [
        "{}",
        r#"{"children":[{"mention_user":{}}],"message_id":7}"#,
        "[]",
    ] {
        // Each of these servers answers once.
        let client = || client(200, "", format!(r#"{{"code":0,"data":{data}}}"#));
        let (chat, message) = ("oc_1".into(), "om_1".into());
        let insertion = CreateChildren::<Block> {
            parent: &BlockId::new("oc_1"),
            index: 0,
            children: &[],
            revision_id: -1,
            client_token: "",
        };
        let created = client().create_docx_children(&chat, insertion).await;
        let created = created.unwrap();
        assert_eq!((created.revision_id, created.block_ids.len()), (None, 0));
        assert_eq!(client().reply(&message, "x", "u").await.unwrap(), None);
        assert_eq!(client().add_reaction(&message, "OK").await.unwrap(), None);
    }
}

#[tokio::test]
async fn the_platforms_message_is_escaped() {
    let msg = format!("secret\u{202e}\u{1b}[31m\n{}", "停\n".repeat(50_000));
    let body = serde_json::json!({ "code": 7, "msg": msg }).to_string();
    let error = client(400, "", body).bot_info().await.unwrap_err();
    let Error::Api(refusal) = &error else {
        panic!("{error:?}")
    };
    assert!(refusal.msg.starts_with("secret"), "{}", refusal.msg);
    let length = refusal.msg.chars().count();
    assert!((100..=400).contains(&length), "{length}");
    assert!(
        !refusal
            .msg
            .contains(|c: char| c.is_control() || c == '\u{202e}')
    );
    // They may quote the request, so the text of the error does not contain them.
    assert_eq!(error.to_string(), "`bot_info` answered code 7");
}

#[tokio::test]
async fn a_request_that_cannot_be_built_is_final() {
    let client = answering([(200, "", TOKEN.to_owned())]);
    client.check_credentials().await.unwrap();
    // A longer address than HTTP libraries take.
    let message = "om_".repeat(30_000).as_str().into();
    let error = client.get_message(&message, CardForm::Plain).await;
    let error = error.unwrap_err();
    let Error::Transport { failure, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(*failure, TransportFailure::Request);
    assert!(!error.is_retryable() && !error.may_have_taken_effect());
}

/// A page of a listing that names another page.
fn page(number: usize) -> (u16, &'static str, String) {
    let block = r#"{"block_id":"b","block_type":2}"#;
    let data = format!(r#"{{"items":[{block}],"has_more":true,"page_token":"p{number}"}}"#);
    (200, "", format!(r#"{{"code":0,"data":{data}}}"#))
}

#[tokio::test]
async fn a_listing_without_end_is_an_error() {
    let token = || (200, "", TOKEN.to_owned());
    let endless = std::array::from_fn::<_, 101, _>(|number| match number {
        0 => token(),
        number => page(number),
    });
    let in_a_circle = [token(), page(1), page(1)];
    for client in [answering(endless), answering(in_a_circle)] {
        let listed = client.list_docx_blocks::<Block>(&"oc_1".into(), -1).await;
        let error = listed.unwrap_err();
        let Error::InvalidResponse { detail, .. } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*detail, InvalidResponse::Endless);
        assert!(!error.is_retryable(), "{error}");
    }
}

/// The connection ends after the hundredth page, so the next call would fail.
#[tokio::test]
async fn a_member_is_searched_on_a_hundred_pages() {
    let member = |id: usize| format!(r#"{{"member_id":"ou_{id}","name":"Mei"}}"#);
    let pages = std::array::from_fn::<_, 101, _>(|number| {
        if number == 0 {
            return (200, "", TOKEN.to_owned());
        }
        let item = member(number);
        let data = format!(r#"{{"items":[{item}],"has_more":true,"page_token":"p{number}"}}"#);
        (200, "", format!(r#"{{"code":0,"data":{data}}}"#))
    });
    for (person, is_member) in [("ou_100", true), ("ou_101", false)] {
        let client = answering(pages.clone());
        let chat = "oc_1".into();
        let found = client.is_member(&chat, IdType::OpenId, person).await;
        assert_eq!(found.unwrap(), is_member, "{person}");
    }
}

#[tokio::test]
async fn all_pages_of_a_listing_are_bounded_together() {
    let block = format!(
        r#"{{"block_id":"b","block_type":2,"x":"{}"}}"#,
        "x".repeat(1 << 20)
    );
    let page = |number| {
        let data = format!(r#"{{"items":[{block}],"has_more":true,"page_token":"p{number}"}}"#);
        (200, "", format!(r#"{{"code":0,"data":{data}}}"#))
    };
    let client = answering([(200, "", TOKEN.to_owned()), page(1), page(2)]);
    let listed = client.list_docx_blocks::<Block>(&"oc_1".into(), -1).await;
    let error = listed.unwrap_err();
    assert!(error.is_too_large() && error.is_retryable(), "{error:?}");
}
