//! A body in blocks, as a proxy passes it on that fills a buffer before it sends anything.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

/// The size of the buffer. nginx has eight buffers of one or two pages.
const BLOCK_BYTES: usize = 16 << 10;

/// A body that is passed on whenever a block of it has come, and at its end.
#[derive(Debug)]
pub(super) struct BlockBody {
    body: Incoming,
    gathered: BytesMut,
    /// The first block, for which the head of the response had to wait.
    first: Option<Frame<Bytes>>,
    over: bool,
}

impl BlockBody {
    /// Waits for the first block of `body`. Until then, even the head of the response is held back.
    pub(super) async fn begin(body: Incoming) -> Result<Self, hyper::Error> {
        let mut blocks = Self { body, gathered: BytesMut::new(), first: None, over: false };
        let first = std::future::poll_fn(|cx| Pin::new(&mut blocks).poll_frame(cx)).await;
        blocks.first = first.transpose()?;
        Ok(blocks)
    }
}

impl Body for BlockBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let this = &mut *self;
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        while !this.over && this.gathered.len() < BLOCK_BYTES {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                None => this.over = true,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                // A feed sends no trailers.
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        this.gathered.extend_from_slice(&data);
                    }
                }
            }
        }
        let block = this.gathered.split().freeze();
        Poll::Ready((!block.is_empty()).then(|| Ok(Frame::data(block))))
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.gathered.is_empty() && (self.over || self.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}
