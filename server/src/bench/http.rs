//! As much HTTP/1.1 as a load generator needs: requests as bytes, answers out of bytes, one blocking keep-alive client.
//! It trusts its server and must never face another.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};

/// How long the blocking client waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A request to be sent over and over, but for its body.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Path and query.
    pub path: Cow<'static, str>,
    /// The body's media type.
    pub content_type: &'static str,
    /// Bearer token; may be empty.
    pub token: String,
}

impl Endpoint {
    /// The bytes of a POST with `body`.
    pub fn post(&self, body: &str) -> Vec<u8> {
        self.post_for("*/*", body)
    }

    /// The bytes of a PUT with `body`.
    pub fn put(&self, body: &str) -> Vec<u8> {
        self.request("PUT", "*/*", body)
    }

    /// The bytes of a POST with `body` that wants an answer of one media type.
    pub fn post_for(&self, accept: &str, body: &str) -> Vec<u8> {
        self.request("POST", accept, body)
    }

    fn request(&self, method: &str, accept: &str, body: &str) -> Vec<u8> {
        let Self { path, content_type, token } = self;
        let length = body.len();
        format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n\
             Accept: {accept}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

/// The bytes of a GET that needs no token.
pub fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// A whole answer.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// The body, without chunk marks.
    pub body: Vec<u8>,
}

impl Answer {
    /// Tells whether the status is one of success.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Reads an answer from the front of `bytes`: the answer and its size, or nothing while it is not all there.
pub fn parse_answer(bytes: &[u8]) -> anyhow::Result<Option<(Answer, usize)>> {
    let Some(head_bytes) = head_end(bytes) else { return Ok(None) };
    let head = std::str::from_utf8(&bytes[..head_bytes]).context("a head that is not text")?;
    let status =
        head.get(9..12).and_then(|status| status.parse().ok()).context("no status line")?;
    let rest = &bytes[head_bytes..];
    let body = if header(head, "transfer-encoding").is_some_and(|coding| coding == "chunked") {
        dechunk(rest)?
    } else {
        let length = header(head, "content-length").map_or(Ok(0), str::parse::<usize>)?;
        rest.get(..length).map(|body| (body.to_vec(), length))
    };
    Ok(body.map(|(body, used)| (Answer { status, body }, head_bytes + used)))
}

/// Size of the head with its empty line, once it is all there.
pub fn head_end(bytes: &[u8]) -> Option<usize> {
    bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4)
}

/// The value of a header field; `name` is lower case.
pub fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
    fields
        .filter(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .next()
}

fn dechunk(mut bytes: &[u8]) -> anyhow::Result<Option<(Vec<u8>, usize)>> {
    let (mut body, whole) = (Vec::new(), bytes.len());
    loop {
        let Some(line) = bytes.windows(2).position(|window| window == b"\r\n") else {
            return Ok(None);
        };
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[..line])?.trim(), 16)?;
        let Some(chunk) = bytes.get(line + 2..line + 2 + size + 2) else { return Ok(None) };
        body.extend_from_slice(&chunk[..size]);
        bytes = &bytes[line + 2 + size + 2..];
        if size == 0 {
            return Ok(Some((body, whole - bytes.len())));
        }
    }
}

/// A connection that sends one request after another.
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects; fails when nobody listens.
    pub fn connect(addr: SocketAddr) -> anyhow::Result<Self> {
        let stream =
            TcpStream::connect(addr).with_context(|| format!("cannot connect to {addr}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request and waits for its answer; fails when the connection does.
    pub fn send(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request)?;
        let mut piece = [0; 16 * 1024];
        loop {
            if let Some((answer, used)) = parse_answer(&self.buffer)? {
                self.buffer.drain(..used);
                return Ok(answer);
            }
            match self.stream.read(&mut piece)? {
                0 => bail!("the server closed the connection before its answer"),
                read => self.buffer.extend_from_slice(&piece[..read]),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn reads_answers_by_length_and_by_chunks() {
        let check = |bytes: &str, body: &str, rest: usize| {
            let (answer, used) = parse_answer(bytes.as_bytes()).unwrap().unwrap();
            assert_eq!(
                (answer.status, answer.body.as_slice(), bytes.len() - used),
                (202, body.as_bytes(), rest)
            );
            for cut in 0..used {
                assert_eq!(parse_answer(&bytes.as_bytes()[..cut]).unwrap(), None);
            }
        };
        check("HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nokHTTP", "ok", 4);
        check(
            "HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n1\r\nd\r\n0\r\n\r\n",
            "abcd",
            0,
        );
        check("HTTP/1.1 202 Accepted\r\n\r\n", "", 0);
    }
}
