//! What the statements need of a driver. All drivers of sqlx offer it; the bounds that say so stand
//! here once.

use futures::future::BoxFuture;
use sqlx::{
    ColumnIndex, Database, Decode, Encode, Executor, IntoArguments, QueryBuilder, Row, Type,
};

type Outcome<'a, T> = BoxFuture<'a, Result<T, sqlx::Error>>;

/// A driver that sends statements, and binds and reads the values that the two tables have.
pub(super) trait Driver: Database {
    fn bind_integer(sql: &mut QueryBuilder<Self>, value: i64);
    fn bind_text(sql: &mut QueryBuilder<Self>, value: Option<&str>);
    fn bind_bytes(sql: &mut QueryBuilder<Self>, value: &[u8]);

    fn integer(row: &Self::Row, column: usize) -> Result<i64, sqlx::Error>;
    fn text(row: &Self::Row, column: usize) -> Result<String, sqlx::Error>;
    fn optional_text(row: &Self::Row, column: usize) -> Result<Option<String>, sqlx::Error>;
    fn bytes(row: &Self::Row, column: usize) -> Result<Vec<u8>, sqlx::Error>;

    /// Sends a statement that is prepared and cached by the connection.
    fn execute<'a>(
        connection: &'a mut Self::Connection,
        sql: &'a mut QueryBuilder<Self>,
    ) -> Outcome<'a, ()>;

    /// Sends a statement like [`execute`](Self::execute), and returns its rows.
    fn rows<'a>(
        connection: &'a mut Self::Connection,
        sql: &'a mut QueryBuilder<Self>,
    ) -> Outcome<'a, Vec<Self::Row>>;

    /// Sends a statement without values that cannot be prepared everywhere, such as `BEGIN`.
    fn run<'a>(connection: &'a mut Self::Connection, sql: &'static str) -> Outcome<'a, ()>;
}

impl<D> Driver for D
where
    D: Database,
    for<'c> &'c mut D::Connection: Executor<'c, Database = D>,
    D::Arguments: IntoArguments<D>,
    usize: ColumnIndex<D::Row>,
    i64: Type<D> + for<'r> Encode<'r, D> + for<'r> Decode<'r, D>,
    String: Type<D> + for<'r> Decode<'r, D>,
    Vec<u8>: Type<D> + for<'r> Decode<'r, D>,
    for<'r> Option<&'r str>: Type<D> + Encode<'r, D>,
    for<'r> &'r [u8]: Type<D> + Encode<'r, D>,
    Option<String>: Type<D> + for<'r> Decode<'r, D>,
{
    fn bind_integer(sql: &mut QueryBuilder<Self>, value: i64) {
        sql.push_bind(value);
    }

    fn bind_text(sql: &mut QueryBuilder<Self>, value: Option<&str>) {
        sql.push_bind(value);
    }

    fn bind_bytes(sql: &mut QueryBuilder<Self>, value: &[u8]) {
        sql.push_bind(value);
    }

    fn integer(row: &Self::Row, column: usize) -> Result<i64, sqlx::Error> {
        row.try_get(column)
    }

    fn text(row: &Self::Row, column: usize) -> Result<String, sqlx::Error> {
        row.try_get(column)
    }

    fn optional_text(row: &Self::Row, column: usize) -> Result<Option<String>, sqlx::Error> {
        row.try_get(column)
    }

    fn bytes(row: &Self::Row, column: usize) -> Result<Vec<u8>, sqlx::Error> {
        row.try_get(column)
    }

    fn execute<'a>(
        connection: &'a mut Self::Connection,
        sql: &'a mut QueryBuilder<Self>,
    ) -> Outcome<'a, ()> {
        Box::pin(async move { sql.build().execute(connection).await.map(|_| ()) })
    }

    fn rows<'a>(
        connection: &'a mut Self::Connection,
        sql: &'a mut QueryBuilder<Self>,
    ) -> Outcome<'a, Vec<Self::Row>> {
        Box::pin(async move { sql.build().fetch_all(connection).await })
    }

    fn run<'a>(connection: &'a mut Self::Connection, sql: &'static str) -> Outcome<'a, ()> {
        Box::pin(async move { connection.execute(sql).await.map(|_| ()) })
    }
}
