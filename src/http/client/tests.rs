//! What the one HTTP client does with redirects.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server that gives this answer to its first request, and the request.
async fn answering(answer: String) -> (Url, tokio::task::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let request = tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.expect("a connection");
        let mut request = vec![0; 4096];
        let length = connection.read(&mut request).await.expect("a request");
        connection.write_all(answer.as_bytes()).await.expect("an answer");
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    (Url::parse(&format!("http://{address}/")).expect("a URL"), request)
}

#[tokio::test]
async fn no_redirect_takes_the_token_along() {
    for status in [301, 302, 303, 307, 308] {
        for method in [Method::GET, Method::POST] {
            let (target, stolen) =
                answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}".to_owned()).await;
            let head = format!(
                "HTTP/1.1 {status} Moved\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n"
            );
            let (server, request) = answering(head).await;
            let client = client(Timeouts::default(), &server, &Tls::default()).expect("a client");
            let answer = client.request(method.clone(), server).bearer_auth("secret").send().await;
            assert_eq!(answer.expect("an answer").status(), status, "{method}");
            assert!(request.await.expect("a request").contains("Bearer secret"));
            assert!(!stolen.is_finished(), "{method} {status} was followed");
            stolen.abort();
        }
    }
}
