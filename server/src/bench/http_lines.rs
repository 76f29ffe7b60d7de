//! An answer that comes line by line and may be larger than memory: what a device reads of a streamed pull. Like
//! `http`, it trusts its server and must never face another.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, ensure};

use super::http::header;

/// How long the next bytes are waited for.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Sends a request and hands on the lines of its answer as they come; fails when they do not come to their end.
pub fn read(
    addr: SocketAddr,
    request: &[u8],
    mut take: impl FnMut(&[u8]) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut stream =
        TcpStream::connect(addr).with_context(|| format!("cannot connect to {addr}"))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(request)?;
    let mut reader = BufReader::with_capacity(64 << 10, stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        ensure!(reader.read_line(&mut head)? > 0, "the server closed the connection in a head");
    }
    ensure!(head.starts_with("HTTP/1.1 200 "), "the answer begins with {head}");
    ensure!(header(&head, "transfer-encoding") == Some("chunked"), "an answer of known length");
    let chunks = BufReader::with_capacity(64 << 10, Chunks { reader, left: 0, is_over: false });
    for line in chunks.split(b'\n') {
        take(&line?)?;
    }
    Ok(())
}

/// The body of an answer without its chunk marks.
struct Chunks<R> {
    reader: R,
    left: usize,
    is_over: bool,
}

impl<R: io::BufRead> Read for Chunks<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && !self.is_over {
            self.left = self.size()?;
            self.is_over = self.left == 0;
        }
        let most = buffer.len().min(self.left);
        let read = self.reader.read(&mut buffer[..most])?;
        if read == 0 && most > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read;
        if self.left == 0 && !self.is_over {
            self.reader.read_exact(&mut [0; 2])?;
        }
        Ok(read)
    }
}

impl<R: io::BufRead> Chunks<R> {
    fn size(&mut self) -> io::Result<usize> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        usize::from_str_radix(line.trim(), 16)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_its_chunks_up_to_the_empty_one() {
        let check = |bytes: &[u8], expected: Option<&str>| {
            let mut body = String::new();
            let read = Chunks { reader: bytes, left: 0, is_over: false }.read_to_string(&mut body);
            assert_eq!(read.ok().map(|_| body.as_str()), expected);
        };
        check(b"3\r\na\nb\r\n1\r\n\n\r\n0\r\n\r\n", Some("a\nb\n"));
        check(b"0\r\n\r\n", Some(""));
        check(b"3\r\na\nb\r\n", None);
        check(b"3\r\na", None);
    }
}
