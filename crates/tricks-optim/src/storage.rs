use tricks_tensor::ParamKind;

/// How the averages a rule keeps are stored. Parameters, and memory that holds points rather than
/// averages, are always in full precision.
///
/// | storage | bytes a number | largest step, relative | range |
/// |---|---|---|---|
/// | `Full` | 4 or 8 | | |
/// | `Single` | 4 | 2⁻²³ | of `f32` |
/// | `Bf16` | 2 | 2⁻⁷ | of `f32` |
/// | `Block8` | 1 + 1/32 | 2⁻³; down to 0 in even steps with sign | 2¹⁵ below the largest of its block; 2³¹ without sign |
///
/// `Bf16` and `Block8` round at random, up or down, so that the expected value is the exact one:
/// an average that moves by less than a step still moves. What decides is a function of the seed,
/// the parameter's name, its count of updates and the element, so the same run gives the same bits.
///
/// Not exact: numbers of 8 bits beyond both ends of their range, and the maxima of AMSGrad and
/// Adamax, which keep the largest of many rounded numbers and so come out too large. A NaN, where
/// nothing looks for it, takes the whole block of 8 bits with it.
///
/// `Block8` keeps the numbers of a block of 128 as 8-bit floating-point numbers below a common
/// power of two: sign, 4 bits of exponent and 3 of fraction; for memory that is never negative
/// 5 bits of exponent. There a number never becomes 0, unless all of its block are below 2⁻⁹⁵, so
/// that no step is divided by ε alone.
///
/// What it costs: `cargo xtask lab storage` trains the lab's standard configuration with Adam's
/// averages in 32, 16 and 8 bits. On its embedded images, with `--seeds 10`, the test accuracy was
/// 92.0 ± 0.3 %, 91.9 ± 0.4 % and 92.0 ± 0.4 %. Lost seed by seed, as 95 % intervals of the mean:
/// −0.0 to 0.2 points with `Bf16`, −0.1 to 0.1 with `Block8`.
///
/// Sources: stochastic rounding: Gupta, Agrawal, Gopalakrishnan, Narayanan: *Deep learning with
/// limited numerical precision*, ICML 2015; blocks of 8 bits: Dettmers, Lewis, Shleifer,
/// Zettlemoyer: *8-bit optimizers via block-wise quantization*, ICLR 2022 (whose 8-bit numbers are
/// others).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Storage {
    /// The number type of the parameters.
    #[default]
    Full,
    /// `f32`, for parameters of type `f64`.
    Single,
    /// The upper half of an `f32`.
    Bf16,
    /// 8 bits, in blocks of 128.
    Block8,
}

impl Storage {
    /// What is used for a parameter of this kind: tables of embeddings are updated row by row, and
    /// stay in full precision.
    pub(crate) fn of(self, kind: ParamKind) -> Self {
        if kind == ParamKind::Embedding { Self::Full } else { self }
    }
}
