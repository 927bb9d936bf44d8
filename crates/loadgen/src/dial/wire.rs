//! The socket of a connection: its bytes counted, its arrivals stamped, the link's delay each way.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::SmallRng;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use wirebench_link::{Delay, DelayLine};
use wirebench_protocol::Timestamp;
use wirebench_scenario::Link;

use super::Arrivals;

/// What lies below HTTP, and below TLS where there is any.
#[derive(Debug)]
pub(super) struct Wire {
    path: Path,
    arrivals: Arrivals,
}

#[derive(Debug)]
enum Path {
    Direct(Metered),
    Delayed(Box<DelayLine<Metered, Emulated>>),
}

/// The delay and jitter of an emulated link, and the stamp of what came over it.
#[derive(Debug)]
struct Emulated {
    link: Link,
    random: SmallRng,
    arrivals: Arrivals,
}

/// A socket that counts the bytes that cross it.
#[derive(Debug)]
struct Metered {
    socket: TcpStream,
    bytes: Arc<Bytes>,
}

#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Bytes {
    pub(super) up: AtomicU64,
    pub(super) down: AtomicU64,
}

impl Wire {
    /// Over `link`, whose jitter `random` draws.
    pub(super) fn new(socket: TcpStream, bytes: Arc<Bytes>, link: Link, random: SmallRng) -> Self {
        let arrivals = Arrivals::new();
        let socket = Metered { socket, bytes };
        let path = if link == Link::default() {
            Path::Direct(socket)
        } else {
            let delay = Emulated { link, random, arrivals: arrivals.clone() };
            Path::Delayed(Box::new(DelayLine::new(socket, delay)))
        };
        Self { path, arrivals }
    }

    pub(super) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }
}

impl Delay for Emulated {
    fn next(&mut self) -> Duration {
        match self.link.jitter {
            none if none.is_zero() => self.link.delay,
            jitter => self.link.delay + jitter.mul_f64(self.random.random()),
        }
    }

    fn arrived(&mut self, due: Timestamp) {
        self.arrivals.set(due);
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match &mut this.path {
            Path::Direct(socket) => {
                let before = buf.filled().len();
                ready!(Pin::new(socket).poll_read(cx, buf))?;
                // The end of the stream is no arrival: it must not move the stamp of what came last.
                if buf.filled().len() > before {
                    this.arrivals.set(Timestamp::now());
                }
                Poll::Ready(Ok(()))
            }
            Path::Delayed(line) => Pin::new(line.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().path {
            Path::Direct(socket) => Pin::new(socket).poll_write(cx, bytes),
            Path::Delayed(line) => Pin::new(line.as_mut()).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().path {
            Path::Direct(socket) => Pin::new(socket).poll_write_vectored(cx, slices),
            Path::Delayed(line) => Pin::new(line.as_mut()).poll_write_vectored(cx, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.path {
            Path::Direct(socket) => socket.is_write_vectored(),
            Path::Delayed(line) => line.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().path {
            Path::Direct(socket) => Pin::new(socket).poll_flush(cx),
            Path::Delayed(line) => Pin::new(line.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().path {
            Path::Direct(socket) => Pin::new(socket).poll_shutdown(cx),
            Path::Delayed(line) => Pin::new(line.as_mut()).poll_shutdown(cx),
        }
    }
}

impl Metered {
    fn count_up(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.bytes.up.fetch_add(bytes as u64, Relaxed);
        }
        written
    }
}

impl AsyncRead for Metered {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
        self.bytes.down.fetch_add((buf.filled().len() - before) as u64, Relaxed);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Metered {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write(cx, bytes);
        self.count_up(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.socket).poll_write_vectored(cx, slices);
        self.count_up(written)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}
