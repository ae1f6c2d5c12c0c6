//! Calls whose results come in pages: scans, histories, the log, changes, watches; and what else has a handle.

use super::{
    Inner,
    arguments::{Arguments, At},
    handles::Held,
    results::{self, Results},
};
use crate::{
    Error, ErrorCode, Result,
    codec::value::write,
    engine::{DiffScan, Engine, Feed, FeedFilter, LogScan, Scan, VersionScan, check_collection, model::Moment},
    error::quoted,
    limits::{PAGE_BYTES_MAX, PAGE_ROWS_MAX},
    storage::{AsyncStorage, FileName},
};
use alloc::{boxed::Box, format, rc::Rc, string::String};

/// Something that is read on page by page.
pub(super) struct Cursor {
    rows: Rows,
    /// A row that was read and did not fit any more.
    ahead: Option<Results>,
    /// Rows that are still wanted.
    left: u64,
}

enum Rows {
    Scan { scan: Scan, values: bool },
    History { scan: VersionScan, collection: String, key: String, values: bool },
    Log(LogScan),
    Changes(DiffScan),
}

#[driven]
impl Cursor {
    fn new(rows: Rows) -> Cursor {
        Cursor { rows, ahead: None, left: u64::MAX }
    }

    /// The next row, or `None` behind the last.
    async fn next<S: AsyncStorage>(&mut self, engine: &Engine<S>) -> Result<Option<Results>> {
        if let Some(row) = self.ahead.take() {
            return Ok(Some(row));
        }
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut out = Results::new();
        match &mut self.rows {
            Rows::Scan { scan, values: true } => {
                let Some(row) = scan.next(engine).await? else { return Ok(None) };
                write::array(&mut out, 5);
                write::text(&mut out, &row.key);
                results::document(&mut out, &row.document);
            }
            Rows::Scan { scan, values: false } => {
                let Some((key, version)) = scan.next_version(engine).await? else { return Ok(None) };
                write::array(&mut out, 4);
                write::text(&mut out, &key);
                results::version(&mut out, version.id);
                write::int(&mut out, version.timestamp.to_bits());
                results::int_or_null(&mut out, version.expires_at);
            }
            Rows::History { scan, collection, key, values } => {
                let Some(version) = scan.next(engine).await? else { return Ok(None) };
                let document = if *values { engine.document_at(collection, key, &version).await? } else { None };
                results::history_row(&mut out, &version, document.as_ref());
            }
            Rows::Log(scan) => {
                let Some(commit) = scan.next(engine).await? else { return Ok(None) };
                write::array(&mut out, 1);
                results::encoded(&mut out, &results::commit(&commit))?;
            }
            Rows::Changes(scan) => {
                let Some(change) = scan.next(engine).await? else { return Ok(None) };
                write::array(&mut out, 4);
                write::text(&mut out, &change.collection);
                write::text(&mut out, &change.key);
                results::document_or_null(&mut out, change.before.as_ref());
                results::document_or_null(&mut out, change.after.as_ref());
            }
        }
        Ok(Some(out))
    }

    /// The rows of the next page, and whether more follow.
    async fn page<S: AsyncStorage>(&mut self, engine: &Engine<S>, rows_max: usize) -> Result<(Results, bool)> {
        let (mut out, mut rows) = (Results::new(), 0);
        while let Some(row) = self.next(engine).await? {
            if rows > 0 && (rows == rows_max || out.len() + row.len() > PAGE_BYTES_MAX) {
                self.ahead = Some(row);
                return Ok((out, true));
            }
            out.extend_from_slice(&row);
            rows += 1;
        }
        Ok((out, false))
    }
}

/// How many rows a page may have.
fn page(given: &mut Arguments<'_>) -> Result<usize> {
    let page = usize::try_from(given.count("page")?).unwrap_or(usize::MAX);
    Ok(page.clamp(1, PAGE_ROWS_MAX))
}

fn page_of(handle: Option<i64>, rows: Results) -> Results {
    let mut out = Results::with_capacity(rows.len() + 10);
    results::int_or_null(&mut out, handle);
    out.extend_from_slice(&rows);
    out
}

#[driven]
impl<S: AsyncStorage + 'static> Inner<S> {
    async fn first_page(&self, mut cursor: Cursor, rows_max: usize) -> Result<Results> {
        let (rows, more) = cursor.page(self.engine(), rows_max).await?;
        let handle = if more { Some(self.handles.keep(Held::Cursor(Box::new(cursor)))?) } else { None };
        Ok(page_of(handle, rows))
    }

    pub(super) async fn scan(&self, mut given: Arguments<'_>) -> Result<Results> {
        let collection = given.text("collection")?;
        let (range, order) = given.range()?;
        let at = given.moment("moment")?;
        let limit = given.count_or_null("limit")?;
        let (rows_max, values) = (page(&mut given)?, given.bool("values")?);
        given.end()?;
        let scan = self.engine().scan(self.view(&at).await?, collection, &range, order)?;
        let cursor = Cursor { left: limit.unwrap_or(u64::MAX), ..Cursor::new(Rows::Scan { scan, values }) };
        self.first_page(cursor, rows_max).await
    }

    pub(super) async fn history(&self, mut given: Arguments<'_>) -> Result<Results> {
        let (collection, key) = (given.text("collection")?, given.text("key")?);
        let before = given.version_or_null("before")?;
        let (rows_max, values) = (page(&mut given)?, given.bool("values")?);
        let at = given.last_moment()?;
        let scan = self.engine().versions(self.view(&at).await?, collection, key, before).await?;
        let rows = Rows::History { scan, collection: collection.into(), key: key.into(), values };
        self.first_page(Cursor::new(rows), rows_max).await
    }

    pub(super) async fn log(&self, mut given: Arguments<'_>) -> Result<Results> {
        let rows_max = page(&mut given)?;
        let at = given.last_moment()?;
        let scan = match at {
            At::Moment(Moment::Now) => self.engine().log().await?,
            at => self.engine().log_at(&self.view(&at).await?).await?,
        };
        self.first_page(Cursor::new(Rows::Log(scan)), rows_max).await
    }

    pub(super) async fn changes(&self, mut given: Arguments<'_>) -> Result<Results> {
        let (before, after) = (given.moment("before")?, given.moment("after")?);
        let collection = given.text_or_null("collection")?;
        let rows_max = page(&mut given)?;
        given.end()?;
        let (before, after) = (self.view(&before).await?, self.view(&after).await?);
        let scan = self.engine().diff(before, after, collection)?;
        self.first_page(Cursor::new(Rows::Changes(scan)), rows_max).await
    }

    pub(super) async fn watch(&self, mut given: Arguments<'_>) -> Result<Results> {
        let collection = given.text_or_null("collection")?.map(String::from);
        let prefix = given.text_or_null("prefix")?.unwrap_or_default().into();
        let token = given.count_or_null("token")?;
        given.end()?;
        collection.as_deref().map(check_collection).transpose()?;
        let feed = self.engine().feed(token, FeedFilter { collection, prefix }).await?;
        let token = feed.token();
        let mut out = Results::new();
        write::int(&mut out, self.handles.keep(Held::Watch(Box::new(feed)))?);
        results::count(&mut out, token);
        Ok(out)
    }

    pub(super) async fn next(&self, call: u32, mut given: Arguments<'_>) -> Result<Results> {
        let handle = given.handle()?;
        let rows_max = page(&mut given)?;
        given.end()?;
        match self.handles.take(handle)? {
            Held::Cursor(mut cursor) => match cursor.page(self.engine(), rows_max).await {
                Ok((rows, true)) => {
                    self.handles.put_back(handle, Held::Cursor(cursor));
                    Ok(page_of(Some(handle), rows))
                }
                // What is behind its end, or stopped somewhere, is of no more use.
                ended => {
                    let _ = self.handles.release(handle);
                    ended.map(|(rows, _)| page_of(None, rows))
                }
            },
            Held::Watch(mut feed) => {
                let events = self.events(call, handle, &mut feed, rows_max).await;
                self.handles.put_back(handle, Held::Watch(feed));
                events.map(|rows| page_of(Some(handle), rows))
            }
            _ => Err(Error::invalid(format!("handle {handle} has no pages"))),
        }
    }

    /// The events of a watch, waiting for the first.
    async fn events(&self, call: u32, handle: i64, feed: &mut Feed, rows_max: usize) -> Result<Results> {
        let (mut out, mut rows) = (Results::new(), 0);
        loop {
            while rows < rows_max && out.len() < PAGE_BYTES_MAX {
                let Some(event) = feed.next(self.engine()).await? else { break };
                results::event_row(&mut out, &event)?;
                rows += 1;
            }
            if rows > 0 {
                return Ok(out);
            }
            let seen = feed.token();
            self.waiting.borrow_mut().push((call, false));
            let cancelled = || self.waiting.borrow().contains(&(call, true));
            let gone = || self.ended.get() || !self.handles.is_taken(handle);
            let closed = || self.engine().check_open().is_err();
            self.database
                .0
                .published
                .wait(|| self.engine().published() > seen || closed() || gone() || cancelled())
                .await;
            let given_up = cancelled();
            self.waiting.borrow_mut().retain(|(waiting, _)| *waiting != call);
            if given_up {
                return Err(Error::new(ErrorCode::Aborted, "the call was cancelled"));
            }
            if gone() {
                return Err(Error::new(ErrorCode::Closed, format!("the watch {handle} was released")));
            }
        }
    }

    pub(super) fn release(&self, mut given: Arguments<'_>) -> Result<Results> {
        let handle = given.handle()?;
        given.end()?;
        self.handles.release(handle)?;
        // A call may wait for events of it.
        self.database.0.published.raise();
        Ok(Results::new())
    }

    pub(super) async fn snapshot(&self, mut given: Arguments<'_>) -> Result<Results> {
        let at: At = given.moment("moment")?;
        given.end()?;
        self.engine().check_open()?;
        let view = self.view(&at).await?;
        let mut out = Results::new();
        write::int(&mut out, self.handles.keep(Held::Snapshot(view))?);
        Ok(out)
    }

    pub(super) async fn export(&self, given: Arguments<'_>) -> Result<Results> {
        given.end()?;
        let export = self.database.0.export().await?;
        let mut out = Results::new();
        let files = export.files();
        let mut listed = Results::new();
        write::array(&mut listed, files.len());
        for file in files {
            write::array(&mut listed, 2);
            write::text(&mut listed, &format!("{}", file.name));
            results::count(&mut listed, file.bytes);
        }
        write::int(&mut out, self.handles.keep(Held::Export(Rc::new(export)))?);
        out.extend_from_slice(&listed);
        Ok(out)
    }

    pub(super) async fn export_read(&self, mut given: Arguments<'_>) -> Result<Results> {
        let handle = given.handle()?;
        let name = given.text("name")?;
        let (offset, bytes) = (given.count("offset")?, given.count("bytes")?);
        given.end()?;
        let file = FileName::parse(name)
            .ok_or_else(|| Error::invalid(format!("{} is not the name of a file", quoted(name))))?;
        let export = self.handles.export(handle)?;
        let length = usize::try_from(bytes).unwrap_or(usize::MAX).min(PAGE_BYTES_MAX);
        let read = self.engine().export_read(&export, file, offset, length).await?;
        let mut out = Results::with_capacity(read.len() + 10);
        write::bytes(&mut out, &read);
        Ok(out)
    }
}
