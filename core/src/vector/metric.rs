//! What "near" means.

use core::cmp::Ordering;

/// How two vectors are compared, and what the score of a hit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metric {
    /// The cosine of the angle between them, from -1 to 1; larger is nearer. It is 0 when either is the zero vector.
    Cosine,
    /// The Euclidean distance; smaller is nearer.
    Euclidean,
    /// The dot product; larger is nearer.
    Dot,
}

impl Metric {
    /// Every metric.
    pub const ALL: &'static [Metric] = &[Metric::Cosine, Metric::Euclidean, Metric::Dot];

    /// The name of the metric, the same in every language.
    pub const fn name(self) -> &'static str {
        match self {
            Metric::Cosine => "cosine",
            Metric::Euclidean => "euclidean",
            Metric::Dot => "dot",
        }
    }

    /// The metric of a name.
    pub fn from_name(name: &str) -> Option<Metric> {
        Metric::ALL.iter().copied().find(|metric| metric.name() == name)
    }

    /// The number by which it is stored.
    pub(crate) const fn number(self) -> u8 {
        match self {
            Metric::Cosine => 0,
            Metric::Euclidean => 1,
            Metric::Dot => 2,
        }
    }

    /// The metric that was stored as a number.
    pub(crate) fn from_number(number: u8) -> Option<Metric> {
        Metric::ALL.iter().copied().find(|metric| metric.number() == number)
    }

    /// Which of two scores is nearer: `Less` if the first one is, so that sorting by it puts the best first.
    pub(crate) fn better(self, a: f32, b: f32) -> Ordering {
        match self {
            Metric::Euclidean => a.total_cmp(&b),
            Metric::Cosine | Metric::Dot => b.total_cmp(&a),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_score_of_each_metric_comes_first() {
        let sorted = |metric: Metric| {
            let mut scores = [0.5_f32, -1.0, 2.0];
            scores.sort_by(|a, b| metric.better(*a, *b));
            scores
        };
        assert_eq!(sorted(Metric::Cosine), [2.0, 0.5, -1.0]);
        assert_eq!(sorted(Metric::Dot), [2.0, 0.5, -1.0]);
        assert_eq!(sorted(Metric::Euclidean), [-1.0, 0.5, 2.0]);
    }

    #[test]
    fn names_and_numbers_come_back() {
        for metric in Metric::ALL {
            assert_eq!(Metric::from_name(metric.name()), Some(*metric));
            assert_eq!(Metric::from_number(metric.number()), Some(*metric));
        }
        assert_eq!(Metric::from_name("manhattan"), None);
        assert_eq!(Metric::from_number(3), None);
    }
}
