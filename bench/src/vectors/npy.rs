//! Reads arrays of two dimensions or one from files of NumPy's format `.npy` (version 1, lowest byte first, row by row),
//! as far as the prepared sets have them: `<f4` and `<i4`.

use crate::Result;
use std::{fs, path::Path};

/// An array: numbers in each row, and all of them, row by row.
pub(crate) struct Array<T> {
    pub(crate) width: usize,
    pub(crate) all: Vec<T>,
}

impl<T> Array<T> {
    pub(crate) fn rows(&self) -> std::slice::ChunksExact<'_, T> {
        self.all.chunks_exact(self.width)
    }
}

pub(crate) fn floats(path: &Path) -> Result<Array<f32>> {
    read(path, "<f4", f32::from_le_bytes)
}

pub(crate) fn ints(path: &Path) -> Result<Array<i32>> {
    read(path, "<i4", i32::from_le_bytes)
}

fn read<T>(path: &Path, kind: &str, number: fn([u8; 4]) -> T) -> Result<Array<T>> {
    let bytes = fs::read(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let wrong = |what: &str| format!("{}: {what}", path.display());
    let (header, data) = split(&bytes).ok_or_else(|| wrong("not an array of NumPy"))?;
    if !header.contains(&format!("'descr': '{kind}'")) || !header.contains("'fortran_order': False") {
        return Err(wrong(&format!("{header} is not {kind}, row by row")).into());
    }
    let shape = shape(header).ok_or_else(|| wrong("an array of no known shape"))?;
    let width = shape.get(1).copied().unwrap_or(1).max(1);
    let all: Vec<T> = data.as_chunks().0.iter().map(|&bytes| number(bytes)).collect();
    if shape.iter().product::<usize>() != all.len() {
        return Err(wrong(&format!("{} numbers, and the shape is {shape:?}", all.len())).into());
    }
    Ok(Array { width, all })
}

fn split(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (length, rest) = bytes.strip_prefix(b"\x93NUMPY\x01\x00")?.split_first_chunk()?;
    let (header, data) = rest.split_at_checked(u16::from_le_bytes(*length).into())?;
    Some((std::str::from_utf8(header).ok()?, data))
}

fn shape(header: &str) -> Option<Vec<usize>> {
    let (_, after) = header.split_once("'shape': (")?;
    let (inside, _) = after.split_once(')')?;
    inside.split(',').map(str::trim).filter(|part| !part.is_empty()).map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{header}\n");
        [b"\x93NUMPY\x01\x00", &(header.len() as u16).to_le_bytes()[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn arrays_are_read_as_they_were_saved_and_others_are_refused() -> Result<()> {
        let path = std::env::temp_dir().join(format!("koru-npy-{}", std::process::id()));
        let data: Vec<u8> = [1.0_f32, -0.5, 3.0, 0.25].iter().flat_map(|number| number.to_le_bytes()).collect();
        let header =
            |kind: &str, shape: &str| format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
        fs::write(&path, file(&header("<f4", "(2, 2)"), &data))?;
        let array = floats(&path)?;
        assert_eq!(array.rows().collect::<Vec<_>>(), [[1.0, -0.5], [3.0, 0.25]]);
        assert!(ints(&path).is_err(), "of another kind");
        fs::write(&path, file(&header("<i4", "(4,)"), &data))?;
        assert_eq!((ints(&path)?.width, ints(&path)?.all.len()), (1, 4));
        fs::write(&path, file(&header("<i4", "(5,)"), &data))?;
        assert!(ints(&path).is_err(), "cut off");
        fs::write(&path, b"\x93NUMPY\x01\x00\xff")?;
        assert!(ints(&path).is_err(), "cut off in front");
        Ok(fs::remove_file(&path)?)
    }
}
