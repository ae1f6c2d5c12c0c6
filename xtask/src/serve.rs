//! A server for the files of one folder, to this machine alone: enough for a browser to open the playground.
//!
//! Invariant: nothing outside of the folder is served, and only to requests whose host is this machine, so that a page
//! from elsewhere cannot read it by a name that it lets point here.

use crate::Result;
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    path::{Component, Path, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

/// Tried first, so that a reloaded page finds the databases of the run before: a browser keeps them by origin.
const PORT: u16 = 8321;
/// A longer head is no request of a browser.
const HEAD_BYTES_MAX: u64 = 16 * 1024;
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Server {
    listener: TcpListener,
    address: SocketAddr,
    folder: Arc<PathBuf>,
}

impl Server {
    /// Takes the usual port, or any that is free. Nothing is served yet.
    pub(crate) fn bind(folder: PathBuf) -> Result<Server> {
        let failed = |e: io::Error| format!("no port of this machine can be listened on: {e}");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, PORT))
            .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Server { listener, address, folder: Arc::new(folder) })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }

    /// Serves until a line is read from the terminal, or it ends.
    pub(crate) fn until_enter(self) -> Result<()> {
        self.start();
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(drop).map_err(|e| format!("the terminal: {e}"))
    }

    /// Serves from now on, until this program ends.
    fn start(self) {
        let Server { listener, address, folder } = self;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let folder = Arc::clone(&folder);
                thread::spawn(move || {
                    // A browser that goes away in the middle is no failure of ours.
                    let _ = answer(stream, &folder, address);
                });
            }
        });
    }
}

fn answer(mut stream: TcpStream, folder: &Path, address: SocketAddr) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.try_clone()?.take(HEAD_BYTES_MAX)).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    let mut host = String::new();
    for line in lines {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("host")
        {
            host = value.trim().to_owned();
        }
    }
    let mut words = request.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let ours = host == address.to_string() || host == format!("localhost:{}", address.port());
    let file =
        file_of(folder, target).and_then(|path| Some((fs::metadata(&path).ok().filter(fs::Metadata::is_file)?, path)));
    match (method, ours, file) {
        ("GET" | "HEAD", true, Some((metadata, path))) => {
            let mut file = File::open(&path)?;
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-cache\r\n\
                 X-Content-Type-Options: nosniff\r\nConnection: close\r\n\r\n",
                content_type(&path),
                metadata.len()
            )?;
            if method == "GET" {
                io::copy(&mut file, &mut stream)?;
            }
            Ok(())
        }
        ("GET" | "HEAD", true, None) => refuse(&mut stream, "404 Not Found"),
        ("GET" | "HEAD", false, _) => refuse(&mut stream, "403 Forbidden"),
        _ => refuse(&mut stream, "405 Method Not Allowed"),
    }
}

fn refuse(stream: &mut TcpStream, status: &str) -> io::Result<()> {
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// The file that a request means; none if it could lie outside of the folder. Names of built files need no escapes.
fn file_of(folder: &Path, target: &str) -> Option<PathBuf> {
    let path = target.split(['?', '#']).next()?.strip_prefix('/')?;
    let name = if path.is_empty() { "index.html" } else { path };
    let plain = !name.contains(['\\', '%', ':', '\0']);
    let inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    (plain && inside).then(|| folder.join(name))
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("svg") => "image/svg+xml",
        Some("jsonl") => "application/x-ndjson",
        Some("tar") => "application/x-tar",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).expect("it listens");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers and closes");
        answer
    }

    #[test]
    fn files_of_the_folder_are_served_to_this_machine_and_nothing_else_is() {
        let folder = std::env::temp_dir().join(format!("koru-xtask-serve-{}", std::process::id()));
        fs::create_dir_all(folder.join("assets")).expect("the temporary folder can be written to");
        fs::write(folder.join("index.html"), "<p>hello").expect("it is ours");
        fs::write(folder.join("assets/koru.wasm"), "wasm").expect("it is ours");
        let server = Server::bind(folder.clone()).expect("some port is free");
        let address = server.address;
        server.start();
        let get = |target: &str| ask(address, &format!("GET {target} HTTP/1.1\r\nHost: {address}\r\n\r\n"));

        let page = get("/?db=x");
        assert!(page.starts_with("HTTP/1.1 200") && page.contains("text/html") && page.ends_with("<p>hello"), "{page}");
        assert!(get("/assets/koru.wasm").contains("application/wasm"));
        for outside in ["/../Cargo.toml", "/assets/../../x", "//etc/passwd", "/%2e%2e/x", "/assets", "/missing"] {
            assert!(get(outside).starts_with("HTTP/1.1 404"), "{outside}");
        }
        let other = ask(address, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
        assert!(other.starts_with("HTTP/1.1 403"), "{other}");
        let post = ask(address, &format!("POST / HTTP/1.1\r\nHost: {address}\r\n\r\n"));
        assert!(post.starts_with("HTTP/1.1 405"), "{post}");
        fs::remove_dir_all(folder).expect("it is ours");
    }
}
