//! State that outlives a request: bounded in number and in time.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// Values that a later request finds by a random id. The table never holds more than a fixed number
/// of them, and each expires a fixed time after it was inserted.
///
/// An id is 128 random bits that no client can guess, so that knowing it is a right. A look-up by
/// hash gives nothing away about it.
#[derive(Debug)]
pub(crate) struct ExpiringTable<T> {
    capacity: usize,
    lifetime: Duration,
    /// The values, and when they expire.
    values: Mutex<HashMap<String, (Instant, T)>>,
}

impl<T: Clone> ExpiringTable<T> {
    pub(crate) fn new(capacity: usize, lifetime: Duration) -> Self {
        Self { capacity, lifetime, values: Mutex::default() }
    }

    /// Stores a value and returns its id; `None` if the table is full.
    pub(crate) fn insert(&self, value: T) -> Option<String> {
        let now = Instant::now();
        let mut values = self.values.lock();
        if values.len() >= self.capacity {
            values.retain(|_, (expires, _)| *expires > now);
        }
        let id = format!("{:032x}", rand::random::<u128>());
        (values.len() < self.capacity).then(|| {
            values.insert(id.clone(), (now + self.lifetime, value));
            id
        })
    }

    /// Returns the value of an id; `None` if the id is unknown or has expired.
    pub(crate) fn get(&self, id: &str) -> Option<T> {
        let values = self.values.lock();
        let (expires, value) = values.get(id)?;
        (*expires > Instant::now()).then(|| value.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_table_takes_no_more_than_its_capacity_until_values_expire() {
        let table = ExpiringTable::new(3, Duration::from_mins(1));
        let ids: Vec<_> = (0..4).filter_map(|value| table.insert(value)).collect();
        assert_eq!(ids.len(), 3);
        assert_eq!((table.get(&ids[2]), table.get("guessed")), (Some(2), None));
        tokio::time::advance(Duration::from_mins(1)).await;
        assert_eq!(table.get(&ids[2]), None, "expired");
        assert!(table.insert(4).is_some(), "values that have expired make room");
    }
}
