//! What one poll brings.

#![allow(clippy::unwrap_used)]
use super::*;
use crate::realtime::socketio::carried::server_frame;

#[tokio::test]
async fn a_poll_brings_all_that_came_at_once() {
    let (mut server, end) = UnixStream::pair().unwrap();
    let (polling, ear) = Polling::new(&Terms::default(), end);
    let said = [
        server_frame(0x1, b"4a"),
        server_frame(0x9, b"1"),
        server_frame(0x2, &[7]),
        server_frame(0x1, b"4b"),
    ];
    let (answered, ()) = tokio::join!(polling.poll(), async {
        server.write_all(&said.concat()).await.unwrap();
        let carrying = Arc::clone(&polling);
        tokio::spawn(async move { carrying.carry(ear).await });
    });
    assert_eq!(answered, Answered::Packets("4a\u{1e}bBw==\u{1e}4b".to_owned()));
}

#[tokio::test]
async fn a_poll_brings_the_end_with_what_came_before_it() {
    let (mut server, end) = UnixStream::pair().unwrap();
    let (polling, ear) = Polling::new(&Terms::default(), end);
    let said = [server_frame(0x1, b"41"), server_frame(0x8, &[])];
    let (answered, ()) = tokio::join!(polling.poll(), async {
        server.write_all(&said.concat()).await.unwrap();
        polling.carry(ear).await;
    });
    assert_eq!(answered, Answered::Packets("41\u{1e}1".to_owned()));
}
