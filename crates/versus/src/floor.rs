//! The floor: the least that a server could do. It parses nothing and keeps nothing, and writes the
//! bytes of each message to each subscriber once.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, mem};

use anyhow::{Context, bail};
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

use crate::cost::CostOf;
use crate::message;

const LISTENER: Token = Token(usize::MAX);

/// How soon the thread sees that it has to stop.
const STOP_TIME: Duration = Duration::from_millis(50);

/// What a subscriber of the floor does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FloorKind {
    /// It asks once and is sent every message: one write.
    Push,
    /// It asks for every message: one read and one write.
    Poll,
}

/// The floor as a server, in a thread of this process. It ends when this is dropped.
pub(crate) struct FloorServer {
    pub(crate) address: SocketAddr,
    thread_id: u32,
    stops: Arc<AtomicBool>,
    thread: Option<JoinHandle<anyhow::Result<()>>>,
}

impl FloorServer {
    /// # Errors
    /// The system gives no socket, no event queue or no thread.
    pub(crate) fn start(kind: FloorKind) -> anyhow::Result<Self> {
        let mut listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let (address, poll) = (listener.local_addr()?, Poll::new()?);
        poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
        let stops = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let floor =
            Floor { kind, listener, poll, sockets: Vec::new(), waiting: Vec::new(), published: 0 };
        let stop = Arc::clone(&stops);
        let thread = thread::Builder::new().name("floor".to_owned()).spawn(move || {
            let _ = tell.send(rustix::thread::gettid().as_raw_nonzero().get());
            floor.serve(&stop)
        })?;
        let thread_id = told.recv().context("the thread of the floor ended")?;
        let thread_id = u32::try_from(thread_id)?;
        Ok(Self { address, thread_id, stops, thread: Some(thread) })
    }

    pub(crate) fn cost(&self) -> CostOf {
        CostOf::Thread(self.thread_id)
    }
}

impl Drop for FloorServer {
    fn drop(&mut self) {
        self.stops.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Its error has shown as a missing message.
            let _ = thread.join();
        }
    }
}

struct Floor {
    kind: FloorKind,
    listener: TcpListener,
    poll: Poll,
    /// The sockets, each with the number of messages that were published until it got its last one.
    sockets: Vec<(TcpStream, u64)>,
    /// The sockets that get the next message.
    waiting: Vec<usize>,
    published: u64,
}

impl Floor {
    fn serve(mut self, stops: &AtomicBool) -> anyhow::Result<()> {
        let (mut events, mut buffer) = (Events::with_capacity(1024), vec![0; 8 << 10]);
        let message = answer_with(&message::json());
        while !stops.load(Ordering::Relaxed) {
            match self.poll.poll(&mut events, Some(STOP_TIME)) {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(error.into());
                }
                _ => {}
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept()?,
                    Token(index) => self.read(index, &mut buffer, &message)?,
                }
            }
        }
        Ok(())
    }

    fn accept(&mut self) -> anyhow::Result<()> {
        loop {
            let mut socket = match self.listener.accept() {
                Ok((socket, _)) => socket,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            socket.set_nodelay(true)?;
            let token = Token(self.sockets.len());
            self.poll.registry().register(&mut socket, token, Interest::READABLE)?;
            self.sockets.push((socket, self.published));
        }
    }

    /// Takes a request, of which only the first byte matters.
    fn read(&mut self, index: usize, buffer: &mut [u8], message: &[u8]) -> anyhow::Result<()> {
        let length = match self.sockets[index].0.read(buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        match buffer[..length].first() {
            // It has closed. Nobody comes back within a run.
            None => {
                self.waiting.retain(|waiting| *waiting != index);
                return Ok(());
            }
            Some(b'P') => {
                self.publish(message)?;
                return self.write(index, b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
            }
            Some(_) => {}
        }
        match self.kind {
            // It polls later than the next message came.
            FloorKind::Poll if self.sockets[index].1 < self.published => {
                self.deliver(index, message)
            }
            FloorKind::Poll => {
                self.waiting.push(index);
                Ok(())
            }
            FloorKind::Push => {
                self.waiting.push(index);
                self.write(index, b"HTTP/1.1 200 OK\r\n\r\n")
            }
        }
    }

    fn publish(&mut self, message: &[u8]) -> anyhow::Result<()> {
        let waiting = mem::take(&mut self.waiting);
        self.published += 1;
        for index in &waiting {
            self.deliver(*index, message)?;
        }
        match self.kind {
            FloorKind::Push => self.waiting = waiting,
            // The same memory again, so that nothing is allocated.
            FloorKind::Poll => {
                self.waiting = waiting;
                self.waiting.clear();
            }
        }
        Ok(())
    }

    fn deliver(&mut self, index: usize, message: &[u8]) -> anyhow::Result<()> {
        self.sockets[index].1 += 1;
        self.write(index, message)
    }

    fn write(&mut self, index: usize, bytes: &[u8]) -> anyhow::Result<()> {
        let length = self.sockets[index].0.write(bytes)?;
        if length < bytes.len() {
            bail!("a socket took {length} of {} bytes: the client does not keep up", bytes.len());
        }
        Ok(())
    }
}

/// Returns the bytes with which the floor delivers a message: an answer to a poll. Where messages
/// are pushed, nobody reads its head.
fn answer_with(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nFeed-Cursor: 0-1\r\nContent-Length: {length}\r\n\r\n{body}").into()
}
