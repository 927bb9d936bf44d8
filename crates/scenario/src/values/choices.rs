//! Values that are one of a few names.

use serde_json::{Value as Json, json};
use wirebench_protocol::{HttpStack, ShortPollingMode, SocketIoMode, Transport};

use super::located::Located;
use super::value::{FieldValue, Mismatch};
use crate::key::Key;
use crate::target::{PayloadEncoding, PublishedBy, Split, Subscribed, TimeUnit};
use crate::words::{joined, nearest, quoted};
use crate::{
    Audience, ConnectionSharing, FeedStore, FeedTimers, Figure, Headers, Policy, ProxyHabit,
    ServerFault,
};

/// A type whose values have names.
trait Choice: Copy + PartialEq + 'static {
    /// All values, in the order in which messages list them.
    const ALL: &'static [Self];

    /// True if even a single value is written as a list.
    const WRITTEN_AS_LIST: bool = false;

    /// The name in scenario files.
    fn name(self) -> &'static str;
}

macro_rules! choices {
    ($($choice:ty),*) => {$(
        impl Choice for $choice {
            const ALL: &'static [Self] = &<$choice>::ALL;

            fn name(self) -> &'static str {
                self.name()
            }
        }
    )*};
}

choices!(
    FeedTimers,
    FeedStore,
    Audience,
    HttpStack,
    ShortPollingMode,
    SocketIoMode,
    Headers,
    ConnectionSharing,
    Policy,
    ServerFault,
    ProxyHabit,
    Figure,
    PayloadEncoding,
    Split,
    Subscribed,
    PublishedBy,
    TimeUnit
);

impl Choice for Transport {
    const ALL: &'static [Self] = &Self::ALL;
    const WRITTEN_AS_LIST: bool = true;

    fn name(self) -> &'static str {
        self.name()
    }
}

/// The name that stands for `None`.
const NONE: &str = "none";

impl<T: Choice> FieldValue for T {
    const WRITTEN_AS_LIST: bool = T::WRITTEN_AS_LIST;

    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        let choices: Vec<_> = T::ALL.iter().map(|choice| (choice.name(), *choice)).collect();
        one_of(found, &choices)
    }

    fn write(&self) -> String {
        quoted(self.name())
    }

    fn expected() -> String {
        any_of(&names::<T>())
    }

    fn schema(_: &Key) -> Json {
        names_schema(&names::<T>())
    }
}

impl<T: Choice> FieldValue for Option<T> {
    fn read(found: Located<'_>) -> Result<Self, Mismatch> {
        let choices = T::ALL.iter().map(|choice| (choice.name(), Some(*choice)));
        one_of(found, &[(NONE, None)].into_iter().chain(choices).collect::<Vec<_>>())
    }

    fn write(&self) -> String {
        quoted(self.map_or(NONE, Choice::name))
    }

    fn expected() -> String {
        any_of(&none_and_names::<T>())
    }

    fn schema(_: &Key) -> Json {
        names_schema(&none_and_names::<T>())
    }
}

fn names<T: Choice>() -> Vec<&'static str> {
    T::ALL.iter().map(|choice| choice.name()).collect()
}

fn none_and_names<T: Choice>() -> Vec<&'static str> {
    [NONE].into_iter().chain(names::<T>()).collect()
}

/// Returns the value with the name that was found, or says which names there are and which of them
/// was probably meant.
pub(super) fn one_of<T: Clone>(found: Located<'_>, choices: &[(&str, T)]) -> Result<T, Mismatch> {
    let wanted = found.value.get_ref().as_str().ok_or_else(Mismatch::default)?;
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == wanted) {
        return Ok(value.clone());
    }
    let meant = nearest(wanted, choices.iter().map(|(name, _)| *name));
    Err(Mismatch { expected: None, hint: meant.map(|name| format!("did you mean `\"{name}\"`?")) })
}

/// Writes names as a choice, as in `"a"`, `"b"` or `"c"`, each in backticks.
fn any_of(names: &[&str]) -> String {
    joined(names.iter().map(|name| format!("`\"{name}\"`")), "or")
}

/// Returns the JSON Schema of one of these names.
pub(super) fn names_schema(names: &[&str]) -> Json {
    json!({ "type": "string", "enum": names })
}
