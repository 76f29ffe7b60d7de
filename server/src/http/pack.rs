//! Packs the answers of offline sync as zstd or gzip, where the client takes that.
//!
//! Must only stand around calls whose answers hold no secret beside words that somebody else chose:
//! who sees lengths and chooses words could guess at it (docs/secure.md).

use std::io::{self, Write as _};

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{StreamExt as _, stream};
use http_body_util::BodyExt as _;

use super::coding::Coding;

/// What is shorter hardly gets shorter.
const BYTES_MIN: u64 = 200;
/// What is packed before others have their turn: about a millisecond with gzip.
const STEP: usize = 32 << 10;
const ZSTD_LEVEL: i32 = 3;

/// Packs as it is written to.
enum Packer {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

/// Packs a call's answer, if it went well.
pub(super) async fn packed(request: Request, next: Next) -> Response {
    let coding = Coding::for_answer(request.headers());
    let mut response = next.run(request).await;
    if !response.status().is_success() {
        return response;
    }
    response.headers_mut().append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    match coding {
        Some(coding) => pack(coding, response).await,
        None => response,
    }
}

async fn pack(coding: Coding, response: Response) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = match body.size_hint().exact() {
        Some(bytes) if bytes < BYTES_MIN => Err(body),
        Some(_) => whole(coding, body).await,
        None => streamed(coding, body),
    };
    match body {
        Ok(body) => {
            let name = HeaderValue::from_static(coding.as_str());
            parts.headers.insert(header::CONTENT_ENCODING, name);
            parts.headers.remove(header::CONTENT_LENGTH);
            Response::from_parts(parts, body)
        }
        Err(plain) => Response::from_parts(parts, plain),
    }
}

/// Packs a body that is there as a whole; gives it back where that makes it no shorter.
async fn whole(coding: Coding, body: Body) -> Result<Body, Body> {
    let Ok(bytes) = body.collect().await.map(http_body_util::Collected::to_bytes) else {
        return Err(Body::empty());
    };
    let packed = async {
        let mut packer = Packer::new(coding, Some(bytes.len()))?;
        packer.push(&bytes).await?;
        packer.finish()
    };
    match packed.await {
        Ok(packed) if packed.len() < bytes.len() => Ok(packed.into()),
        _ => Err(bytes.into()),
    }
}

/// Packs a body part by part. What came of a part can be unpacked before the next one comes.
fn streamed(coding: Coding, body: Body) -> Result<Body, Body> {
    let Ok(packer) = Packer::new(coding, None) else { return Err(body) };
    let parts = stream::unfold(Some((body.into_data_stream(), packer)), next_part);
    Ok(Body::from_stream(parts))
}

type Streaming = Option<(BodyDataStream, Packer)>;

async fn next_part(streaming: Streaming) -> Option<(Result<Bytes, axum::Error>, Streaming)> {
    let (mut parts, mut packer) = streaming?;
    let packed = match parts.next().await {
        Some(Ok(part)) => packer.part(&part).await,
        Some(Err(error)) => return Some((Err(error), None)),
        None => return Some((packer.finish().map_err(axum::Error::new), None)),
    };
    match packed {
        Ok(bytes) => Some((Ok(bytes), Some((parts, packer)))),
        Err(error) => Some((Err(axum::Error::new(error)), None)),
    }
}

impl Packer {
    /// Begins; with a length that is known, what packs takes no more memory than that needs.
    fn new(coding: Coding, bytes: Option<usize>) -> io::Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::default())),
            Coding::Zstd => {
                let mut encoder = zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.set_pledged_src_size(bytes.map(|bytes| bytes as u64))?;
                Self::Zstd(encoder)
            }
        })
    }

    async fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        for step in bytes.chunks(STEP) {
            match self {
                Self::Gzip(encoder) => encoder.write_all(step)?,
                Self::Zstd(encoder) => encoder.write_all(step)?,
            }
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// Packs a part, and gives all that came of what was pushed so far.
    async fn part(&mut self, bytes: &[u8]) -> io::Result<Bytes> {
        self.push(bytes).await?;
        let written = match self {
            Self::Gzip(encoder) => {
                encoder.flush()?;
                std::mem::take(encoder.get_mut())
            }
            Self::Zstd(encoder) => {
                encoder.flush()?;
                std::mem::take(encoder.get_mut())
            }
        };
        Ok(written.into())
    }

    fn finish(self) -> io::Result<Bytes> {
        let written = match self {
            Self::Gzip(encoder) => encoder.finish()?,
            Self::Zstd(encoder) => encoder.finish()?,
        };
        Ok(written.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::io::Read as _;

    use super::*;

    fn unpacked(coding: Coding, packed: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 1 << 20];
        let mut read = 0;
        let mut reader: Box<dyn io::Read> = match coding {
            Coding::Gzip => Box::new(flate2::bufread::GzDecoder::new(packed)),
            Coding::Zstd => Box::new(zstd::Decoder::with_buffer(packed).unwrap()),
        };
        // Where the rest is still to come this ends with an error, behind all that is there.
        while let Ok(count) = reader.read(&mut bytes[read..])
            && count > 0
        {
            read += count;
        }
        bytes.truncate(read);
        bytes
    }

    #[tokio::test]
    async fn a_part_of_a_stream_can_be_read_before_the_next_one_is_there() {
        for coding in [Coding::Gzip, Coding::Zstd] {
            let (sender, parts) = tokio::sync::mpsc::channel::<Bytes>(1);
            let parts = stream::unfold(parts, |mut parts| async move {
                parts.recv().await.map(|part| (Ok::<_, std::convert::Infallible>(part), parts))
            });
            let body = streamed(coding, Body::from_stream(parts)).unwrap();
            let (mut body, mut packed, mut plain) = (body.into_data_stream(), vec![], vec![]);
            for number in 0..3 {
                let part = format!("{{\"number\":{number}}}\n").repeat(5_000);
                plain.extend_from_slice(part.as_bytes());
                sender.send(part.into()).await.unwrap();
                packed.extend_from_slice(&body.next().await.unwrap().unwrap());
                assert_eq!(unpacked(coding, &packed), plain, "{coding:?} {number}");
            }
            drop(sender);
            while let Some(rest) = body.next().await {
                packed.extend_from_slice(&rest.unwrap());
            }
            assert_eq!(unpacked(coding, &packed), plain);
            assert!(packed.len() * 10 < plain.len());
        }
    }

    #[tokio::test]
    async fn what_would_grow_stays_as_it_is() {
        let bytes: Vec<u8> =
            (0..400_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        for coding in [Coding::Gzip, Coding::Zstd] {
            let answer = pack(coding, Response::new(Body::from(bytes.clone()))).await;
            assert!(answer.headers().get(header::CONTENT_ENCODING).is_none());
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), bytes);
            let answer = pack(coding, Response::new(Body::from("a".repeat(199)))).await;
            assert!(answer.headers().get(header::CONTENT_ENCODING).is_none());
            let answer = pack(coding, Response::new(Body::from("a".repeat(200)))).await;
            assert_eq!(answer.headers()[header::CONTENT_ENCODING], coding.as_str());
        }
    }
}
