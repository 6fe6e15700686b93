//! Requests that no client should send, to the listener of `watch`.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{group, program, started};
use crate::watch::watching::{QUICK, Watching, start};

/// What a request is, its bytes, and the status of its one answer; 0: the connection just ends.
type Row = (&'static str, Vec<u8>, u16);

fn get(target: &str, headers: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: evil\r\n{headers}\r\n").into_bytes()
}

fn raw(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

fn not_http() -> Vec<Row> {
    vec![
        ("bytes without meaning", b"\0\x01\x02\xff\r\n\r\n".to_vec(), 400),
        ("a TLS hello", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03evil\r\n\r\n".to_vec(), 400),
        ("HTTP/2 from the start", raw("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 0),
        ("HTTP/0.9", raw("GET /healthz\r\n\r\n"), 400),
        ("a version that does not exist", raw("GET /healthz HTTP/7.3\r\n\r\n"), 400),
        ("NUL in the path", raw("GET /heal\0thz HTTP/1.1\r\n\r\n"), 400),
        ("a space in the path", raw("GET /heal thz HTTP/1.1\r\n\r\n"), 400),
        ("a path without a slash", raw("GET healthz HTTP/1.1\r\n\r\n"), 404),
        ("NUL in a header", get("/healthz", "X-Evil: a\0b\r\n"), 400),
        ("a header without a colon", get("/healthz", "evil\r\n"), 400),
        ("a space before the colon", get("/healthz", "Evil : 1\r\n"), 400),
        ("a folded header", get("/healthz", "X-A: a\r\n evil\r\n"), 400),
        ("a length below zero", get("/healthz", "Content-Length: -1\r\n"), 400),
        ("two lengths", get("/healthz", "Content-Length: 1\r\nContent-Length: 2\r\n"), 400),
        ("nothing at all", Vec::new(), 0),
        ("half a request", raw("GET /healthz HTTP/1.1\r\nHost: ev"), 0),
    ]
}

fn too_much() -> Vec<Row> {
    let long = "e".repeat(20_000);
    vec![
        ("a header of 20 kB", get("/healthz", &format!("X-Evil: {long}\r\n")), 431),
        ("200 headers", get("/healthz", &"X-Evil: 1\r\n".repeat(200)), 431),
        ("a path of 20 kB", get(&format!("/{long}"), ""), 431),
        (
            "a body of 10 GB that never comes",
            get("/healthz", "Content-Length: 10000000000\r\n"),
            200,
        ),
        (
            "chunks that are none",
            [get("/healthz", "Transfer-Encoding: chunked\r\n"), raw("evil\r\n")].concat(),
            200,
        ),
        ("three requests at once", get("/healthz", "").repeat(3), 200),
        ("an upgrade", get("/healthz", "Connection: Upgrade\r\nUpgrade: h2c\r\n"), 200),
        ("a client that wants to stay", get("/healthz", "Connection: keep-alive\r\n"), 200),
    ]
}

fn wrong_place() -> Vec<Row> {
    let not_found = |target| (target, get(target, ""), 404);
    vec![
        ("HTTP/1.0", raw("GET /healthz HTTP/1.0\r\n\r\n"), 200),
        ("no Host", raw("GET /healthz HTTP/1.1\r\n\r\n"), 200),
        ("the address of another server", get("http://evil/healthz", ""), 200),
        ("a query with markup", get("/healthz?evil=<script>alert(1)</script>", ""), 400),
        ("a method that does not exist", raw("EVIL /healthz HTTP/1.1\r\n\r\n"), 405),
        ("POST", raw("POST /healthz HTTP/1.1\r\nContent-Length: 4\r\n\r\nevil"), 405),
        ("DELETE", raw("DELETE /metrics HTTP/1.1\r\n\r\n"), 405),
        ("a tunnel", raw("CONNECT evil:443 HTTP/1.1\r\n\r\n"), 404),
        ("OPTIONS of everything", raw("OPTIONS * HTTP/1.1\r\n\r\n"), 404),
        not_found("/evil"),
        not_found("/evil/../healthz"),
        not_found("/%2e%2e/metrics"),
        not_found("//healthz"),
        not_found("/healthz/"),
        not_found("/healthz%00"),
        not_found("/healthz%0d%0aX-Evil:1"),
        not_found("/%ff%fe"),
        not_found("/HEALTHZ"),
    ]
}

/// Sends the bytes, says that no more will come, and returns all that comes back.
async fn send(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    // It may have seen enough before the end.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(3), stream.read_to_end(&mut answer));
    let _ = read.await.expect("the connection ends");
    String::from_utf8(answer).expect("UTF-8")
}

fn status(answer: &str) -> u16 {
    let word = answer.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    word.map_or(0, |word| word.parse().expect("a status"))
}

async fn listening() -> (matrix_keycloak_sync::standins::RunningWorld, Watching, String) {
    let world = started(group().member("alice").account("alice")).await;
    let watching = start(&world, program(&world).file(&world, QUICK));
    watching.is_ready().await;
    let address = watching.address().to_owned();
    (world, watching, address)
}

#[tokio::test]
async fn bad_request_has_one_answer_that_repeats_nothing_and_harms_no_probe() {
    let (_world, watching, address) = listening().await;
    for (what, bytes, expected) in not_http().into_iter().chain(too_much()).chain(wrong_place()) {
        let answer = send(&address, &bytes).await;
        assert_eq!(status(&answer), expected, "{what}: {answer:?}");
        assert!(answer.matches("HTTP/1.").count() <= 1, "{what}: {answer:?}");
        assert!(!answer.to_lowercase().contains("evil"), "{what}: {answer:?}");
        assert_eq!(
            watching.ask("/healthz").await,
            Some((200, "alive\n".to_owned())),
            "after {what}"
        );
    }
    assert_eq!(watching.stop(), 0);
}

#[tokio::test]
async fn probe_is_answered_within_a_second_if_100_clients_hold_their_connections() {
    let (_world, watching, address) = listening().await;
    let mut clients = Vec::new();
    for sent in [Vec::new(), raw("GET /healthz HTTP/1.1\r\nHost:"), get("/metrics", "")] {
        for _ in 0..100 {
            let mut client = TcpStream::connect(&address).await.expect("it listens");
            let _ = client.write_all(&sent).await;
            clients.push(client);
        }
        let probe = tokio::time::timeout(Duration::from_secs(1), watching.ask("/readyz"));
        assert_eq!(probe.await.expect("in time"), Some((200, "ready\n".to_owned())));
    }
    assert_eq!(watching.stop(), 0);
}

#[tokio::test]
async fn client_that_sends_a_byte_now_and_then_is_cut_off() {
    let (_world, _watching, address) = listening().await;
    let mut client = TcpStream::connect(&address).await.expect("it listens");
    let drip = async {
        for byte in get("/healthz", &"X-A: a\r\n".repeat(50)) {
            client.write_all(&[byte]).await?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        client.read_u8().await
    };
    let end = tokio::time::timeout(Duration::from_secs(10), drip).await.expect("it is cut off");
    assert!(end.is_err(), "{end:?}");
}
