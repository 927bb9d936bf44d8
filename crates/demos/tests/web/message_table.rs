//! The page of the message table has words for everything that the server may tell it.

use wirebench_store::Database;

use crate::files::dictionary;

#[test]
fn every_database_has_its_name_in_both_languages() {
    let words = dictionary("message-table");
    for language in ["en", "zh"] {
        let names = words[language]["databases"].as_object().unwrap();
        assert_eq!(names.len(), Database::ALL.len(), "{language}");
        for database in Database::ALL {
            let name = names[database.feature()].as_str().unwrap_or_default();
            assert!(!name.is_empty(), "{language}: {database:?}");
        }
    }
}
