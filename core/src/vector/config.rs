//! How the vectors of one name of a collection are searched.

use super::metric::Metric;
use crate::{
    error::{Error, Result},
    limits,
    value::{Map, Value},
};
use alloc::format;

macro_rules! named {
    ($(#[$doc:meta])+ $kind:ident { $($(#[$each:meta])+ $variant:ident = $name:literal,)+ }) => {
        $(#[$doc])+
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub enum $kind {
            $($(#[$each])+ $variant,)+
        }

        impl $kind {
            /// All of them.
            pub const ALL: &'static [$kind] = &[$($kind::$variant),+];

            /// Its name, the same in every language.
            pub const fn name(self) -> &'static str {
                match self { $($kind::$variant => $name),+ }
            }

            /// The one of a name.
            pub fn from_name(name: &str) -> Option<$kind> {
                Self::ALL.iter().copied().find(|each| each.name() == name)
            }
        }
    };
}

named! {
    /// The structure that is searched.
    IndexKind {
        /// Flat up to the size where the graph is quicker.
        #[default]
        Auto = "auto",
        /// Every row is looked at, as codes or as it is: no build, and recall close to 1.
        Flat = "flat",
        /// A graph (HNSW; Malkov and Yashunin, 2016): quicker beyond some hundred thousand rows, with a little less recall.
        Hnsw = "hnsw",
    }
}

named! {
    /// What is kept in memory of each vector. The numbers themselves stay in the log, and the best candidates are scored
    /// again from there.
    Codes {
        /// What suits the dimension.
        #[default]
        Auto = "auto",
        /// The numbers as they are: 4 bytes each.
        F32 = "f32",
        /// Half precision: 2 bytes each.
        F16 = "f16",
        /// 1 byte each.
        I8 = "i8",
        /// 4 bits each.
        I4 = "i4",
        /// 1 bit each.
        Binary = "binary",
    }
}

/// How the vectors of one name of a collection are searched. It is made by the first vector that is put, with the defaults:
/// the vector's dimension, cosine, everything else automatic. The dimension stays what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectorConfig {
    /// Numbers in a vector, 1 to [`VECTOR_DIMENSION_MAX`](limits::VECTOR_DIMENSION_MAX).
    pub dimension: usize,
    /// What near means.
    pub metric: Metric,
    /// The structure that is searched.
    pub index: IndexKind,
    /// What is kept in memory.
    pub codes: Codes,
}

impl VectorConfig {
    /// The defaults for a dimension: cosine, everything else automatic.
    pub fn new(dimension: usize) -> VectorConfig {
        VectorConfig { dimension, metric: Metric::Cosine, index: IndexKind::Auto, codes: Codes::Auto }
    }

    /// With another metric.
    #[must_use]
    pub fn metric(self, metric: Metric) -> VectorConfig {
        VectorConfig { metric, ..self }
    }

    /// With another structure.
    #[must_use]
    pub fn index(self, index: IndexKind) -> VectorConfig {
        VectorConfig { index, ..self }
    }

    /// With other codes.
    #[must_use]
    pub fn codes(self, codes: Codes) -> VectorConfig {
        VectorConfig { codes, ..self }
    }

    pub(crate) fn check(&self) -> Result<()> {
        let max = limits::VECTOR_DIMENSION_MAX;
        let what = || format!("a dimension of {}: 1 to {max} are possible", self.dimension);
        if self.dimension == 0 {
            return Err(Error::invalid(what()));
        }
        if self.dimension > max {
            return Err(Error::limit(what()));
        }
        if self.index == IndexKind::Hnsw && !matches!(self.codes, Codes::Auto | Codes::I8) {
            let codes = self.codes.name();
            return Err(Error::invalid(format!("an index hnsw with codes {codes}: it goes over codes i8 (or auto)")));
        }
        Ok(())
    }

    /// The document that stands for it.
    pub(crate) fn to_value(self) -> Value {
        Value::from(Map::from([
            (field::CODES, Value::from(self.codes.name())),
            (field::DIMENSION, Value::Int(self.dimension as i64)),
            (field::INDEX, Value::from(self.index.name())),
            (field::METRIC, Value::from(self.metric.name())),
        ]))
    }

    /// What such a document says; `None` if it is malformed.
    pub(crate) fn from_value(value: &Value) -> Option<VectorConfig> {
        let word = |field| value.get(field)?.as_str();
        let config = VectorConfig {
            dimension: usize::try_from(value.get(field::DIMENSION)?.as_i64()?).ok()?,
            metric: Metric::from_name(word(field::METRIC)?)?,
            index: IndexKind::from_name(word(field::INDEX)?)?,
            codes: Codes::from_name(word(field::CODES)?)?,
        };
        config.check().ok().map(|()| config)
    }
}

mod field {
    pub(super) const CODES: &str = "codes";
    pub(super) const DIMENSION: &str = "dimension";
    pub(super) const INDEX: &str = "index";
    pub(super) const METRIC: &str = "metric";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorCode;

    #[test]
    fn a_configuration_comes_back_from_its_document() {
        for (&metric, &codes) in Metric::ALL.iter().zip(Codes::ALL) {
            for &index in IndexKind::ALL {
                let config = VectorConfig::new(384).metric(metric).index(index).codes(codes);
                let read = VectorConfig::from_value(&config.to_value());
                assert_eq!(read, config.check().ok().map(|()| config));
            }
        }
        assert_eq!(VectorConfig::from_value(&Value::Null), None);
        let code = |dimension| VectorConfig::new(dimension).check().map_err(|e| e.code());
        assert_eq!(code(0), Err(ErrorCode::InvalidArgument));
        assert_eq!(code(limits::VECTOR_DIMENSION_MAX), Ok(()));
        assert_eq!(code(limits::VECTOR_DIMENSION_MAX + 1), Err(ErrorCode::LimitExceeded));
    }
}
