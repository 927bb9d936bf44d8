//! How each type of value is read from TOML.

use std::cmp::Ordering;
use std::path::PathBuf;
use std::time::Duration;

use toml::de::{DeInteger, DeValue};
use wirebench_protocol::Transport;
use wirebench_protocol::control::{Pace, Payload};

use super::entries::Located;
use super::reader::{Fault, Value, nearest};
use crate::duration::nearest_duration;
use crate::keys::BURST_MOST;
use crate::write::grouped;
use crate::{Connections, Habit, Headers, Policy, ServerFault, parse_duration};

impl Value for String {
    fn read(found: Located<'_>) -> Result<Self, Fault> {
        found.value.get_ref().as_str().map(str::to_owned).ok_or_else(Fault::default)
    }
}

impl Value for bool {
    fn read(found: Located<'_>) -> Result<Self, Fault> {
        found.value.get_ref().as_bool().ok_or_else(|| match found.value.get_ref().as_str() {
            Some(word @ ("true" | "false")) => {
                Fault::hint(format_args!("without quotes: `{word}`"))
            }
            _ => Fault::default(),
        })
    }
}

/// Whole numbers, all alike. One that is too large for the type is still a number, so it takes the greatest
/// value, which is beyond what any key allows; a negative one takes the least.
macro_rules! whole_number {
    ($($number:ty),*) => {$(
        impl Value for $number {
            fn read(found: Located<'_>) -> Result<Self, Fault> {
                let value = integer(found)?;
                Ok(Self::try_from(value).unwrap_or(if value < 0 { Self::MIN } else { Self::MAX }))
            }

            fn compare(&self, bound: &Self) -> Option<Ordering> {
                Some(self.cmp(bound))
            }
        }
    )*};
}

whole_number!(u8, u32, usize);

fn integer(found: Located<'_>) -> Result<i128, Fault> {
    match found.value.get_ref() {
        DeValue::Integer(integer) => Ok(saturating(integer)),
        DeValue::String(text) if text.replace('_', "").parse::<i64>().is_ok() => {
            Err(Fault::hint(format_args!("without quotes: `{text}`")))
        }
        _ => Err(Fault::default()),
    }
}

fn saturating(integer: &DeInteger<'_>) -> i128 {
    let beyond = if integer.as_str().starts_with('-') { i128::MIN } else { i128::MAX };
    i128::from_str_radix(integer.as_str(), integer.radix()).unwrap_or(beyond)
}

impl Value for f64 {
    fn read(found: Located<'_>) -> Result<Self, Fault> {
        let text = match found.value.get_ref() {
            DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
            DeValue::Float(float) => float.as_str(),
            DeValue::String(text) if text.parse::<Self>().is_ok() => {
                return Err(Fault::hint(format_args!("without quotes: `{text}`")));
            }
            _ => return Err(Fault::default()),
        };
        match text.parse::<Self>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err(Fault::expected("a finite number")),
        }
    }

    fn compare(&self, bound: &Self) -> Option<Ordering> {
        self.partial_cmp(bound)
    }
}

impl Value for Duration {
    fn read(found: Located<'_>) -> Result<Self, Fault> {
        match found.value.get_ref() {
            DeValue::String(text) => parse_duration(text).ok_or_else(|| duration_fault(text)),
            DeValue::Integer(_) | DeValue::Float(_) => {
                let number = found.found();
                Err(match parse_duration(&format!("{number}s")) {
                    Some(_) => Fault::hint(format_args!(
                        "a duration carries its unit: `\"{number}s\"` or `\"{number}ms\"`"
                    )),
                    None => Fault::default(),
                })
            }
            _ => Err(Fault::default()),
        }
    }

    fn compare(&self, bound: &Self) -> Option<Ordering> {
        Some(self.cmp(bound))
    }
}

fn duration_fault(text: &str) -> Fault {
    match nearest_duration(text) {
        Some(meant) => Fault::hint(format_args!("did you mean `\"{meant}\"`?")),
        None if text.starts_with('-') => Fault::hint("a duration is never negative"),
        None => Fault::hint(
            "the units are `h`, `m`, `s`, `ms`, `us` and `ns`, the largest first, as in `\"1h30m\"`",
        ),
    }
}

impl Value for Transport {
    fn read(found: Located<'_>) -> Result<Self, Fault> {
        let name = found.value.get_ref().as_str().ok_or_else(Fault::default)?;
        one_of(name, Self::ALL.map(|transport| (transport.name(), transport)))
    }
}

impl Value for Headers {
    fn read(found: Located<'_>) -> Result<Self, Fault> {
        let name = found.value.get_ref().as_str().ok_or_else(Fault::default)?;
        one_of(name, Self::ALL.map(|headers| (headers.name(), headers)))
    }
}

impl Value for Connections {
    fn read(found: Located<'_>) -> Result<Self, Fault> {
        let name = found.value.get_ref().as_str().ok_or_else(Fault::default)?;
        one_of(name, Self::ALL.map(|connections| (connections.name(), connections)))
    }
}

impl Value for Policy {
    fn read(found: Located<'_>) -> Result<Self, Fault> {
        let name = found.value.get_ref().as_str().ok_or_else(Fault::default)?;
        one_of(name, Self::ALL.map(|policy| (policy.name(), policy)))
    }
}

impl Value for Option<ServerFault> {
    fn read(found: Located<'_>) -> Result<Self, Fault> {
        let name = found.value.get_ref().as_str().ok_or_else(Fault::default)?;
        let [stop, kill, freeze] = ServerFault::ALL.map(|fault| (fault.name(), Some(fault)));
        one_of(name, [("none", None), stop, kill, freeze])
    }
}

impl Value for Option<Habit> {
    fn read(found: Located<'_>) -> Result<Self, Fault> {
        let name = found.value.get_ref().as_str().ok_or_else(Fault::default)?;
        let mut choices = [("none", None); 1 + Habit::ALL.len()];
        for (choice, habit) in choices.iter_mut().skip(1).zip(Habit::ALL) {
            *choice = (habit.name(), Some(habit));
        }
        one_of(name, choices)
    }
}

impl Value for Pace {
    fn read(found: Located<'_>) -> Result<Self, Fault> {
        match found.value.get_ref() {
            DeValue::String(name) => one_of(
                name,
                [("steady", Self::Steady), ("exact", Self::Exact), ("poisson", Self::Poisson)],
            )
            .map_err(|fault| Fault { expected: None, ..fault }),
            DeValue::Table(_) => {
                let burst = u32::read(only(found, "burst")?)?;
                if (1..=BURST_MOST).contains(&burst) {
                    Ok(Self::Burst(burst))
                } else {
                    Err(Fault::expected(format_args!(
                        "a burst of 1 to {} messages",
                        grouped(BURST_MOST as usize)
                    )))
                }
            }
            _ => Err(Fault::default()),
        }
    }
}

impl Value for Payload {
    /// A file is taken as it is written here; `data` looks for it.
    fn read(found: Located<'_>) -> Result<Self, Fault> {
        match found.value.get_ref() {
            DeValue::Table(_) => Ok(Self::File(PathBuf::from(String::read(only(found, "file")?)?))),
            DeValue::String(text) if text.contains('.') => {
                Err(Fault::hint(format_args!("did you mean `{{ file = \"{text}\" }}`?")))
            }
            _ => usize::read(found).map(Self::Bytes),
        }
    }

    fn compare(&self, bound: &Self) -> Option<Ordering> {
        match (self, bound) {
            (Self::Bytes(bytes), Self::Bytes(bound)) => Some(bytes.cmp(bound)),
            _ => None,
        }
    }
}

/// The value of `key` in a table that holds nothing else.
fn only<'a>(found: Located<'a>, key: &str) -> Result<Located<'a>, Fault> {
    let table = found.value.get_ref().as_table().ok_or_else(Fault::default)?;
    match table.iter().next() {
        Some((name, value)) if table.len() == 1 && name.get_ref() == key => Ok(found.inner(value)),
        Some((name, _)) if nearest(name.get_ref(), [key].into_iter()).is_some() => {
            Err(Fault::hint(format_args!("the table holds `{key}` and nothing else")))
        }
        _ => Err(Fault::default()),
    }
}

/// The value of that name, or what the names are and which of them was probably meant.
fn one_of<T, const N: usize>(wanted: &str, choices: [(&str, T); N]) -> Result<T, Fault> {
    let quoted = choices.each_ref().map(|(name, _)| format!("`\"{name}\"`"));
    let meant = nearest(wanted, choices.iter().map(|(name, _)| *name))
        .map(|name| format!("did you mean `\"{name}\"`?"));
    let found = choices.into_iter().find(|(name, _)| *name == wanted);
    found.map(|(_, value)| value).ok_or_else(|| {
        let (last, rest) = quoted.split_last().expect("there is a choice");
        Fault { expected: Some(format!("{} or {last}", rest.join(", "))), hint: meant }
    })
}
