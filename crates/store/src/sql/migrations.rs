//! The migrations of the tables, which are in the program.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The table in which the database remembers its migrations. It is not the usual one of sqlx, since
/// another program may use that one in the same database.
const TABLE: &str = "wirebench_migrations";

/// Returns the migrations with these statements, which have the versions 1, 2 and so on. A
/// migration that was ever released is never changed: databases remember its checksum.
pub(super) fn migrator(statements: &[&'static str]) -> Migrator {
    let migrations = (1..).zip(statements).map(|(version, sql)| {
        let description = Cow::Borrowed("wirebench");
        Migration::new(version, description, MigrationType::Simple, sql.into_sql_str(), false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(TABLE);
    migrator
}
