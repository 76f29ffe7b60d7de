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
