//! Arrays of numpy in files: `.npy`, versions 1 to 3 of its format, with floats of 2, 4 or 8 bytes, little-endian and row by
//! row. One dimension is one row.
//!
//! Invariant: at most the header and one row are in memory, whatever the header says.

use koru_delta::limits;
use std::io::{self, Read};

/// Longest header that is read: numpy writes 118 bytes.
const HEADER_BYTES_MAX: usize = 4096;

/// A file whose header was read.
#[derive(Debug)]
pub(super) struct Npy<R> {
    file: R,
    kind: Kind,
    /// Rows that are left.
    pub(super) rows: u64,
    dimension: usize,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    F16 = 2,
    F32 = 4,
    F64 = 8,
}

impl<R: Read> Npy<R> {
    /// Reads the header.
    pub(super) fn read(mut file: R) -> Result<Npy<R>, String> {
        let mut start = [0; 8];
        let cut = |_| "not a .npy file".to_owned();
        file.read_exact(&mut start).map_err(cut)?;
        let version = match start {
            [0x93, b'N', b'U', b'M', b'P', b'Y', version @ 1..=3, _] => version,
            _ => return Err("not a .npy file".into()),
        };
        let mut length = [0; 4];
        let bytes = if version == 1 { 2 } else { 4 };
        file.read_exact(length.get_mut(..bytes).unwrap_or_default()).map_err(cut)?;
        let length = u32::from_le_bytes(length) as usize;
        if length > HEADER_BYTES_MAX {
            return Err(format!("its header has {length} bytes: at most {HEADER_BYTES_MAX} are read"));
        }
        let mut header = vec![0; length];
        file.read_exact(&mut header).map_err(cut)?;
        let header = String::from_utf8_lossy(&header);
        let field = |name: &str| {
            let at = header.find(&format!("'{name}':"))?;
            header.get(at + name.len() + 3..).map(str::trim_start)
        };
        let kind = match field("descr").and_then(|text| text.strip_prefix('\'')?.split_once('\'')) {
            Some(("<f2", _)) => Kind::F16,
            Some(("<f4", _)) => Kind::F32,
            Some(("<f8", _)) => Kind::F64,
            Some((other, _)) => return Err(format!("it holds {other}: <f2, <f4 and <f8 can be vectors")),
            None => return Err("its header is malformed".into()),
        };
        if !field("fortran_order").is_some_and(|text| text.starts_with("False")) {
            return Err("it is stored column by column: numpy.ascontiguousarray turns it round".into());
        }
        let shape = field("shape").and_then(|text| Some(text.strip_prefix('(')?.split_once(')')?.0));
        let shape = shape.ok_or("its header is malformed")?.split(',').map(str::trim).filter(|n| !n.is_empty());
        let shape = shape.map(str::parse).collect::<Result<Vec<u64>, _>>().map_err(|_| "its header is malformed")?;
        let (rows, dimension) = match *shape {
            [dimension] => (1, dimension),
            [rows, dimension] => (rows, dimension),
            _ => return Err(format!("it has {} dimensions: one is a vector, two are rows of them", shape.len())),
        };
        let dimension = usize::try_from(dimension).ok().filter(|d| (1..=limits::VECTOR_DIMENSION_MAX).contains(d));
        let max = limits::VECTOR_DIMENSION_MAX;
        let dimension =
            dimension.ok_or_else(|| format!("its rows are too long or empty: 1 to {max} numbers are possible"))?;
        Ok(Npy { file, kind, rows, dimension })
    }

    /// Reads a row, if one is left.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<f32>>> {
        if self.rows == 0 {
            return Ok(None);
        }
        self.rows -= 1;
        let mut bytes = vec![0; self.dimension * self.kind as usize];
        self.file.read_exact(&mut bytes)?;
        Ok(Some(match self.kind {
            Kind::F16 => bytes.as_chunks().0.iter().map(|each| half(u16::from_le_bytes(*each))).collect(),
            Kind::F32 => bytes.as_chunks().0.iter().map(|each| f32::from_le_bytes(*each)).collect(),
            Kind::F64 => bytes.as_chunks().0.iter().map(|each| f64::from_le_bytes(*each) as f32).collect(),
        }))
    }
}

/// The number of a float of half precision (IEEE 754 binary16).
fn half(bits: u16) -> f32 {
    let (sign, exponent, fraction) =
        (u32::from(bits >> 15) << 31, u32::from(bits >> 10 & 0x1f), u32::from(bits & 0x3ff));
    let magnitude = match exponent {
        // Subnormal: so many times 2^-24, which is exact.
        0 => (fraction as f32 / 16_777_216.0).to_bits(),
        0x1f => 0x7f80_0000 | fraction << 13,
        _ => (exponent + 112) << 23 | fraction << 13,
    };
    f32::from_bits(sign | magnitude)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(descr: &str, order: &str, shape: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n");
        let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
        bytes.extend((header.len() as u16).to_le_bytes());
        bytes.extend(header.as_bytes());
        bytes.extend(data);
        bytes
    }

    #[test]
    fn rows_come_as_they_were_written() {
        let data: Vec<u8> = [1.0_f32, 2.5, -3.0, 0.1].iter().flat_map(|x| x.to_le_bytes()).collect();
        let bytes = file("<f4", "False", "(2, 2)", &data);
        let mut npy = Npy::read(&*bytes).unwrap();
        assert_eq!(
            (npy.rows, npy.next().unwrap(), npy.next().unwrap()),
            (2, Some(vec![1.0, 2.5]), Some(vec![-3.0, 0.1]))
        );
        assert_eq!(npy.next().unwrap(), None);
        let bytes = file("<f4", "False", "(4,)", &data);
        assert_eq!(Npy::read(&*bytes).unwrap().next().unwrap(), Some(vec![1.0, 2.5, -3.0, 0.1]));
        let bytes = file("<f8", "False", "(1, 1)", &0.5_f64.to_le_bytes());
        assert_eq!(Npy::read(&*bytes).unwrap().next().unwrap(), Some(vec![0.5]));
        let mut cut = Npy::read(&*file("<f4", "False", "(3, 2)", &data)).map(|npy| npy.rows);
        assert_eq!(cut.as_mut().map(|rows| *rows), Ok(3));
        let bytes = file("<f4", "False", "(3, 2)", &data);
        let mut npy = Npy::read(&*bytes).unwrap();
        npy.next().unwrap();
        npy.next().unwrap();
        assert!(npy.next().is_err(), "the third row is cut off");
    }

    #[test]
    fn a_half_is_what_ieee_says() {
        for (bits, number) in [
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x7bff, 65504.0),
            (0x0400, 6.103_515_6e-5),
            (0x0001, 5.960_464_5e-8),
            (0x8000, -0.0_f32),
            (0x3555, 0.333_251_95),
            (0x7c00, f32::INFINITY),
        ] {
            assert_eq!(half(bits).to_bits(), number.to_bits(), "{bits:#x}");
        }
        assert!(half(0x7e00).is_nan());
    }

    #[test]
    fn what_cannot_be_vectors_is_refused() {
        for (bytes, why) in [
            (file("<i4", "False", "(1, 1)", &[]), "<i4"),
            (file(">f4", "False", "(1, 1)", &[]), ">f4"),
            (file("<f4", "True", "(1, 1)", &[]), "column by column"),
            (file("<f4", "False", "(1, 1, 1)", &[]), "3 dimensions"),
            (file("<f4", "False", "(1, 0)", &[]), "empty"),
            (file("<f4", "False", "(9, 99999999999)", &[]), "too long"),
            (file("<f4", "False", "nothing", &[]), "malformed"),
            (b"\x93NUMPY\x02\x00\xff\xff\xff\xff".to_vec(), "header has"),
            (b"PK\x03\x04 and more".to_vec(), "not a .npy"),
            (Vec::new(), "not a .npy"),
        ] {
            let refused = Npy::read(&*bytes).unwrap_err();
            assert!(refused.contains(why), "{refused}");
        }
    }
}
