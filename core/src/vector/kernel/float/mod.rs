//! Sums over the components of f32 vectors: dot product, square of the length, square of the distance.

pub(crate) mod scalar;

/// The dot product of two vectors of one dimension.
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    scalar::dot(a, b)
}

/// The square of the Euclidean distance of two vectors of one dimension.
pub(crate) fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    scalar::squared_distance(a, b)
}

/// The dot product of two vectors, and that of the second one with itself.
pub(crate) fn dot_and_square(a: &[f32], b: &[f32]) -> (f32, f32) {
    scalar::dot_and_square(a, b)
}
