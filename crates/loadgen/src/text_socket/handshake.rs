//! The steps of a handshake.

use std::time::Duration;

use tokio::time::timeout;
use wirebench_protocol::Timestamp;
use wirebench_scenario::target::{Expectation, Split, Step, Template};

use super::kept::KeptValues;
use super::script::SocketScript;
use super::socket::TextSocket;
use crate::error::SubscribeError;
use crate::http::quote;
use crate::texts::{Misfit, at_pointer, split, text_at, unexpected};
use crate::websocket::Utf8Bytes;

/// A text that came before the handshake was done, and that no step expects.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EarlyText<'t> {
    pub(crate) text: &'t str,
    /// When it arrived.
    pub(crate) at: Timestamp,
    /// The step that expects it as a message that the subscriber has missed. `None`: the server has
    /// sent the text as any other.
    pub(crate) missed: Option<&'t Expectation>,
}

/// Takes such a text. Returns false if it holds no message.
type TakeEarly<'f> = &'f mut (dyn FnMut(EarlyText<'_>) -> Result<bool, Misfit> + Send);

/// Where a handshake is.
#[derive(Clone, Copy)]
struct Progress<'s> {
    /// The number of the step, from 1.
    step: usize,
    /// What was sent last, with its placeholders, because a value may be a secret.
    sent: Option<&'s Template>,
}

impl<S: SocketScript> TextSocket<S> {
    /// Does the steps of a handshake, each within a time. `kept` has what the server has given
    /// before, and gets what the steps keep. Texts that hold messages go to `early`. Returns when
    /// the last step was done.
    ///
    /// # Errors
    ///
    /// What broke the connection, or the step that went otherwise than the target file says.
    pub(crate) async fn shake_hands(
        &mut self,
        steps: &[Step],
        kept: &KeptValues,
        within: Duration,
        early: TakeEarly<'_>,
    ) -> Result<Timestamp, SubscribeError> {
        let (mut sent, mut done) = (None, self.arrived_at());
        for (index, step) in steps.iter().enumerate() {
            let progress = Progress { step: index + 1, sent };
            match step {
                Step::Send(template) => {
                    let known = kept.all();
                    let known: Vec<_> =
                        known.iter().map(|(name, value)| (&**name, &**value)).collect();
                    let text = self.script.fill(template, &known).map_err(|error| {
                        let found = "no such value".to_owned();
                        self.off_course(progress, Misfit { found, expected: error.to_string() })
                    })?;
                    self.send(text).await?;
                    (sent, done) = (Some(template), Timestamp::now());
                }
                Step::Expect(expected) => {
                    let text = self.expected(expected, progress, within, &mut *early).await?;
                    done = self.arrived_at();
                    keep(&text, expected, kept)
                        .and_then(|()| take_missed((&text, done), expected, kept, &mut *early))
                        .map_err(|misfit| self.off_course(progress, misfit))?;
                }
            }
        }
        Ok(done)
    }

    /// Returns the next text that matches. Messages that come already are kept. Other texts are
    /// skipped; the last of them is in the error if nothing matches.
    async fn expected(
        &mut self,
        expected: &Expectation,
        progress: Progress<'_>,
        within: Duration,
        early: TakeEarly<'_>,
    ) -> Result<Utf8Bytes, SubscribeError> {
        // The time of the whole step counts, not that of each frame.
        self.allow(within + Duration::from_mins(1));
        let mut skipped = None;
        let matching = async {
            while let Some(text) = self.next_text().await? {
                if expected.pattern.matches(&text) {
                    return Ok(Some(text));
                }
                let text_early = EarlyText { text: &text, at: self.arrived_at(), missed: None };
                if !early(text_early).map_err(|misfit| self.off_course(progress, misfit))? {
                    skipped = Some(text);
                }
            }
            Ok::<_, SubscribeError>(None)
        };
        let end = match timeout(within, matching).await {
            Ok(Ok(Some(text))) => return Ok(text),
            Ok(Err(error)) => return Err(error),
            Ok(Ok(None)) => "the end of the connection".to_owned(),
            Err(_) => format!("nothing more for {} s", within.as_secs()),
        };
        let skipped = skipped.map(|text| format!("`{}` and then ", quote(&text)));
        let found = format!("{}{end}", skipped.unwrap_or_default());
        let expected = format!("`{}` (`handshake`)", expected.pattern.text());
        Err(self.off_course(progress, Misfit { found, expected }))
    }

    fn off_course(&self, progress: Progress<'_>, misfit: Misfit) -> SubscribeError {
        let Progress { step, sent } = progress;
        let sent = sent.map(|text| format!(" after `{}`,", quote(&text.to_string())));
        let sent = sent.unwrap_or_default();
        unexpected(format!("`{}`, step {step} of its handshake,{sent}", self.asked()), misfit)
    }
}

/// Keeps what an expected text gives.
fn keep(text: &str, expected: &Expectation, kept: &KeptValues) -> Result<(), Misfit> {
    for (name, value) in expected.pattern.captures(text).unwrap_or_default() {
        kept.keep(name, value);
    }
    for (name, pointer) in &expected.capture {
        let otherwise = || {
            let given = expected.otherwise.iter().find(|(known, _)| known == name);
            given.map(|(_, value)| value.into())
        };
        let value = text_at(text, pointer).or_else(otherwise).ok_or_else(|| Misfit {
            found: format!("`{}`", quote(text)),
            expected: format!("`{name}` at `{pointer}` (`handshake`)"),
        })?;
        kept.keep(name, &value);
    }
    Ok(())
}

/// Hands over the messages that the subscriber has missed, which stand in an expected text, and
/// keeps what they give.
fn take_missed(
    (text, at): (&str, Timestamp),
    expected: &Expectation,
    kept: &KeptValues,
    early: TakeEarly<'_>,
) -> Result<(), Misfit> {
    if expected.messages.is_empty() {
        return Ok(());
    }
    let missed = at_pointer(text, &expected.messages).filter(|found| *found != "null");
    for text in missed.map_or(Ok(Vec::new()), |array| split(array, Split::Array))? {
        early(EarlyText { text, at, missed: Some(expected) })?;
        for (name, pointer) in &expected.keep {
            if let Some(value) = text_at(text, pointer) {
                kept.keep(name, &value);
            }
        }
    }
    Ok(())
}
