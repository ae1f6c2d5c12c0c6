//! Every bound of the engine, each with its reason. Nothing loops or allocates on a number that came from a caller, a
//! file or a peer without one of these.

macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty = $value:expr, $unit:literal;)+) => {
        $($(#[doc = $doc])+ pub const $name: $kind = $value;)+

        /// One row of the reference page "limits".
        #[derive(Clone, Copy, Debug)]
        pub struct Limit {
            /// The constant's name.
            pub name: &'static str,
            /// Its value.
            pub value: u64,
            /// Its unit.
            pub unit: &'static str,
            /// What it bounds and why.
            pub reason: &'static str,
        }

        /// Every limit, for the reference page and for `info`.
        pub const ALL: &[Limit] = &[$(Limit {
            name: stringify!($name), value: $value as u64, unit: $unit, reason: concat!($($doc),+),
        },)+];
    };
}

limits! {
    /// Longest key of a document, UTF-8. A path of a file system fits; a key stays far below an index block.
    KEY_BYTES_MAX: usize = 4096, "bytes";
    /// Longest name of a collection, tag or actor label, UTF-8. Names stand in every index key of their documents.
    NAME_BYTES_MAX: usize = 128, "bytes";
    /// Largest encoded value of one document. A value is decoded in memory as a whole, also in a 4 GiB browser tab.
    VALUE_BYTES_MAX: usize = 64 << 20, "bytes";
    /// Deepest nesting of arrays and maps. Decoding recurses, and the smallest stack is a browser worker's.
    VALUE_DEPTH_MAX: usize = 64, "levels";
    /// Most elements and entries in one value, nested ones included. Each takes one byte of an encoding or more, but 32 to
    /// 56 bytes in memory.
    VALUE_ITEMS_MAX: usize = 8 << 20, "items";
    /// Most named vectors of one version: title, body, picture, a few languages. Each is a search index of its own.
    VECTORS_MAX: usize = 16, "vectors";
    /// Largest encoding of the vectors of one version: the most of the largest, with their names.
    VECTORS_BYTES_MAX: usize = 16 * (4096 * 4 + 128 + 8), "bytes";
    /// Most rows of one named vector, those of past versions with them: a row is a number of 32 bits, with room to spare.
    VECTOR_ROWS_MAX: usize = 1 << 30, "rows";
    /// Filters of which it is kept what they say of the rows of one named vector: two bits a row each.
    VECTOR_FILTERS_KEPT: usize = 64, "filters";
    /// Moments of which it is kept what rows of one named vector they show: a bit a row each.
    VECTOR_MASKS_KEPT: usize = 8, "moments";
    /// Memory for the indexes of all vectors when none is given.
    VECTOR_INDEX_BYTES_DEFAULT: usize = 1 << 30, "bytes";
    /// Rooms to search a graph in that are kept for the next search: one for each search at once.
    VECTOR_SCRATCHES_KEPT: usize = 16, "rooms";
    /// Most hits of one search. Each has its document.
    SEARCH_K_MAX: usize = 10_000, "hits";
    /// Most candidates that a search follows in a graph.
    SEARCH_EF_MAX: usize = 10_000, "candidates";
    /// Most changes in one commit. A commit is encoded in memory and read back as one frame.
    COMMIT_CHANGES_MAX: usize = 1_000_000, "changes";
    /// Largest commit, header and values together. It is one frame and one write.
    COMMIT_BYTES_MAX: usize = 256 << 20, "bytes";
    /// Longest message of a commit.
    MESSAGE_BYTES_MAX: usize = 64 << 10, "bytes";
    /// Longest author of a commit.
    AUTHOR_BYTES_MAX: usize = 1024, "bytes";
    /// Most causes named by one commit.
    COMMIT_CAUSES_MAX: usize = 1024, "causes";
    /// Most versions that one change may name as replaced: concurrent heads of one document.
    PARENTS_MAX: usize = 1024, "versions";
    /// Most actors known to one database: each is an entry of every version vector.
    ACTORS_MAX: usize = 65_536, "actors";
    /// Size at which a log segment is closed and the next begun. Segments are the unit of tiering and salvage.
    SEGMENT_BYTES: u64 = 64 << 20, "bytes";
    /// Bytes of log that are compressed as one: what a read of one value has to decompress. Larger ones
    /// compress a little better and take longer to read.
    PACKED_BLOCK_BYTES: usize = 8 << 10, "bytes";
    /// Bytes of log that are read and cached as one where a call of the storage costs more than what it reads: one block of a
    /// compressed segment.
    LOG_BLOCK_BYTES: usize = PACKED_BLOCK_BYTES, "bytes";
    /// Largest block that is accepted from a file: distances in LZ4 reach no further.
    PACKED_BLOCK_BYTES_MAX: usize = 64 << 10, "bytes";
    /// Compressed segments of which it is kept where their blocks are: 64 KiB each.
    PACKED_OPEN_MAX: usize = 32, "files";
    /// Log written since the last checkpoint at which the next one is due: what opening has to replay.
    TAIL_BYTES: u64 = 4 << 20, "bytes";
    /// Log written since the last checkpoint at which writers wait for it, so that opening stays fast.
    TAIL_BYTES_MAX: u64 = 8 << 20, "bytes";
    /// Zeros written ahead of the log, so that a small commit's sync does not have to allocate blocks.
    PREALLOCATE_BYTES: u64 = 1 << 20, "bytes";
    /// Target size of one block of an index table: one read, one checksum, one entry of the cache.
    TABLE_BLOCK_BYTES: usize = 4096, "bytes";
    /// Largest block that is accepted from a file: the target and two longest keys.
    TABLE_BLOCK_BYTES_MAX: usize = 64 << 10, "bytes";
    /// Bytes of an index table that are collected for one write: few calls, little memory.
    TABLE_WRITE_BYTES: usize = 256 << 10, "bytes";
    /// Index tables of one size that are merged into one: bounds the tables a lookup may visit.
    TABLE_FANOUT: usize = 4, "tables";
    /// Largest number of a commit or of a root: far beyond what can be written, and far from where sums overflow.
    SEQUENCE_MAX: u64 = 1_u64 << 62, "commits";
    /// Largest number of a segment, table or manifest, for the same reason.
    FILE_NUMBER_MAX: u32 = 1 << 30, "files";
    /// Most index tables and log segments that a manifest may name.
    FILES_MAX: usize = 1 << 20, "files";
    /// Most files that file storage keeps open: half of the smallest common bound of a process, 256.
    OPEN_FILES_MAX: usize = 128, "files";
    /// How far the time of an import or of another replica may be ahead of our clock. Our own timestamps follow the highest
    /// one seen, so this is also how far they can be pushed ahead.
    CLOCK_SKEW_MS_MAX: i64 = 60_000, "milliseconds";
    /// Smallest memory budget of the cache.
    CACHE_BYTES_MIN: usize = 1 << 20, "bytes";
    /// Memory budget of the cache when none is given.
    CACHE_BYTES_DEFAULT: usize = 64 << 20, "bytes";
    /// Most nodes that one lineage query returns.
    LINEAGE_NODES_MAX: usize = 10_000, "versions";
    /// Most changes that the structural diff of two values lists before it reports whole values.
    DIFF_CHANGES_MAX: usize = 100_000, "changes";
    /// Most edits that the diff of two arrays looks for before it compares them place by place. Memory grows with its square.
    DIFF_EDITS_MAX: usize = 1024, "edits";
    /// Most work that all edit scripts of one diff may do, in comparisons: some tenths of a second.
    DIFF_STEPS_MAX: usize = 64 << 20, "steps";
    /// Most conditions and operators in one filter. Each may be looked for in every document that is asked about.
    FILTER_CONDITIONS_MAX: usize = 1024, "conditions";
    /// Most operands of all `$in` and `$nin` of one filter. They are kept in order, so a document is held against a few.
    FILTER_OPERANDS_MAX: usize = 65_536, "operands";
    /// Deepest nesting of filters and `$not` in one filter. Both reading one and asking it recurse.
    FILTER_DEPTH_MAX: usize = 32, "levels";
    /// How long an acknowledged commit may stay unsynced under relaxed durability while maintenance runs.
    RELAXED_SYNC_MS: u64 = 100, "milliseconds";
    /// Largest batch of the call protocol: the largest commit, and some room for what is written around it. It also bounds
    /// the arguments of all calls of a session that are under way, one reply, and replies that nobody takes.
    BATCH_BYTES_MAX: usize = 272 << 20, "bytes";
    /// Most calls of one session that are under way. Each holds its arguments and a place in a queue.
    CALLS_MAX: usize = 8192, "calls";
    /// Most cursors, watches, snapshots and exports of one session: a client that forgets to release them is told.
    HANDLES_MAX: usize = 1024, "handles";
    /// Size at which a page of the call protocol ends, so that a client holds little and the next call is not held up. A
    /// page has at least one row, however large.
    PAGE_BYTES_MAX: usize = 1 << 20, "bytes";
    /// Size at which a part of a long reply is sent ahead: whoever asked reads it while the rest is being looked up.
    REPLY_PART_BYTES: usize = 64 << 10, "bytes";
    /// Most rows of one page.
    PAGE_ROWS_MAX: usize = 65_536, "rows";
    /// Most commits among which the call of a client is looked for that had lost its connection: a second or two of reading.
    TOKEN_COMMITS_MAX: u64 = 1_000_000, "commits";
    /// Most components of a vector: embeddings have a few thousand at most, and sums and codes are laid out for no more.
    VECTOR_DIMENSION_MAX: usize = 4096, "components";
    /// Largest size of a component. The square of a distance of two vectors of the highest dimension is still a finite
    /// 32-bit float.
    VECTOR_COMPONENT_MAX: f32 = 1e16, "absolute value";
    /// Most links that a row takes on a level of a graph. Beyond some dozens they cost memory and time and find nothing more.
    GRAPH_LINKS_MAX: u32 = 128, "links";
    /// Most nearest rows that a row chooses its links from. The time of a build grows with it.
    GRAPH_EF_CONSTRUCTION_MAX: u32 = 4096, "rows";
}
