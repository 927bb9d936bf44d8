//! The requests to stop the program: signals, and the end of standard input.

use anyhow::Context;
use tokio::io::AsyncReadExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio_stream::wrappers::SignalStream;
use tokio_stream::{Stream, StreamExt};

/// Returns the signals that ask the program to stop, as they arrive: SIGTERM, and SIGINT, which
/// Ctrl-C sends.
pub(crate) fn stop_signals() -> anyhow::Result<impl Stream<Item = SignalKind> + Unpin> {
    let watch = |kind, name| -> anyhow::Result<_> {
        let signals = signal(kind).with_context(|| format!("cannot watch for {name}"))?;
        Ok(SignalStream::new(signals).map(move |()| kind))
    };
    let terminate = watch(SignalKind::terminate(), "SIGTERM")?;
    Ok(terminate.merge(watch(SignalKind::interrupt(), "SIGINT")?))
}

/// Waits until standard input ends. This tells the program that the process that started it has
/// ended. Reading may block a thread for ever, so the runtime must not wait for that thread when it
/// shuts down.
pub(crate) async fn stdin_ends() {
    let mut ignored = [0; 256];
    let mut stdin = tokio::io::stdin();
    while matches!(stdin.read(&mut ignored).await, Ok(1..)) {}
}
