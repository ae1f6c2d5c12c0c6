#![allow(dead_code)]
pub struct Options;
impl Options {
    pub fn parse(_: &[&str]) -> crate::Result<Self> {
        Ok(Options)
    }
}
pub fn run(_: &Options) -> crate::Result<()> {
    Ok(())
}
