use tricks_tensor::{Error, Result, math};

/// GPT-2's factor for what is added to a residual stream: the output projections of attention and
/// of the feed-forward net.
///
/// # Formula
/// ```text
/// factor = 1/√N        N: residual layers, two in each block
/// ```
/// All other weights and the embeddings start from N(0, 0.02²), biases from 0. Then the stream's
/// variance does not grow with the depth.
///
/// Source: Radford, Wu, Child, Luan, Amodei, Sutskever: *Language Models are Unsupervised Multitask
/// Learners*, 2019, section 2.3.
///
/// # Errors
/// No layers.
///
/// ```
/// use tricks_init::{Normal, gpt2_factor};
/// // 12 blocks.
/// let projection = Normal { mean: 0.0, std: 0.02 * gpt2_factor(24)? };
/// assert!((projection.std - 0.004_082_482_904_638_63).abs() < 1e-15);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn gpt2_factor(layers: usize) -> Result<f64> {
    Ok(count("gpt2_factor", "layers", layers, 1)?.sqrt().recip())
}

/// Fixup's factor for the weights of residual branches, which then need no normalization.
///
/// # Formula
/// ```text
/// factor = L^(−1/(2m − 2))        L: branches of the net, m: layers in each
/// ```
/// It multiplies He's deviation in all layers of a branch but the last, which starts from 0, as
/// does the classifier.
///
/// Notes: zero-γ starts the last normalization's scale of each branch from 0 instead, and ReZero a
/// learned factor of the whole branch: [`Constant::zeros`](crate::Constant::zeros) for these.
///
/// Source: Zhang, Dauphin, Ma: *Fixup Initialization: Residual Learning Without Normalization*,
/// ICLR 2019, section 3. Goyal et al.: *Accurate, Large Minibatch SGD*, 2017, section 5.1 (zero-γ).
/// Bachlechner et al.: *ReZero is All You Need*, UAI 2021.
///
/// # Errors
/// No branches; fewer than two layers in each.
///
/// ```
/// use tricks_init::{
///     Constant, Initializer, Layout, VarianceScaling, fixup_factor, initialize_with,
/// };
/// use tricks_tensor::{Dict, Noise, ParamKind, ndarray::Array2};
/// let mut params = Dict::<f64>::new();
/// params.insert("block.0.weight", Array2::zeros((64, 64)));
/// params.insert("block.2.weight", Array2::ones((64, 64)));
/// // 16 branches of 2 layers.
/// let first = VarianceScaling::he_normal().times(fixup_factor(16, 2)?);
/// assert_eq!(first.scale, 2.0 / 16.0);
/// let last = Constant::zeros();
/// initialize_with(&mut params, Layout::OutIn, Noise::new(1), |place| match place.kind {
///     ParamKind::Weight if place.path.is("block.2.weight") => Some(&last as &dyn Initializer<f64>),
///     ParamKind::Weight => Some(&first),
///     _ => None,
/// })?;
/// assert!(params["block.0.weight"].iter().any(|w| *w != 0.0));
/// assert!(params["block.2.weight"].iter().all(|w| *w == 0.0));
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn fixup_factor(branches: usize, layers: usize) -> Result<f64> {
    let layers = count("fixup_factor", "layers", layers, 2)?;
    let branches = count("fixup_factor", "branches", branches, 1)?;
    Ok(math::pow(branches, -0.5 / (layers - 1.0)))
}

/// T-Fixup's factor for a Transformer's encoder, which then needs neither normalization nor warmup.
///
/// # Formula
/// ```text
/// factor = 0.67 N^(−1/4)        N: blocks of the encoder
/// ```
/// All weights start from Xavier's, embeddings from N(0, 1/d). The factor multiplies those of the
/// feed-forward nets, and the value and output projections of attention. In an encoder with a
/// decoder beside it the embeddings are multiplied by [`t_fixup_decoder_factor`].
///
/// Source: Huang, Pérez, Ba, Volkovs: *Improving Transformer Optimization Through Better
/// Initialization*, ICML 2020, section 3.2.
///
/// # Errors
/// No blocks.
///
/// ```
/// assert_eq!(tricks_init::t_fixup_encoder_factor(16)?, 0.335);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn t_fixup_encoder_factor(blocks: usize) -> Result<f64> {
    Ok(0.67 * math::pow(count("t_fixup_encoder_factor", "blocks", blocks, 1)?, -0.25))
}

/// T-Fixup's factor for a Transformer's decoder: [`t_fixup_encoder_factor`] says what it
/// multiplies.
///
/// # Formula
/// ```text
/// factor = (9 M)^(−1/4)        M: blocks of the decoder
/// ```
///
/// # Errors
/// No blocks.
///
/// ```
/// assert!((tricks_init::t_fixup_decoder_factor(9)? - 1.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
pub fn t_fixup_decoder_factor(blocks: usize) -> Result<f64> {
    Ok(math::pow(9.0 * count("t_fixup_decoder_factor", "blocks", blocks, 1)?, -0.25))
}

/// DeepNorm's two factors for a Transformer of hundreds of blocks.
///
/// # Formula
/// ```text
/// x ← LayerNorm(α x + f(x))        α > 1: the stream
/// w ← β w                          β < 1: feed-forward nets, value and output projections
///
///                        α                   β
/// encoder alone          (2N)^(1/4)          (8N)^(−1/4)
/// decoder alone          (2M)^(1/4)          (8M)^(−1/4)
/// both: the encoder      0.81 (N⁴M)^(1/16)   0.87 (N⁴M)^(−1/16)
/// both: the decoder      (3M)^(1/4)          (12M)^(−1/4)
/// ```
/// N blocks of the encoder, M of the decoder. β multiplies Xavier's deviation; query and key
/// projections keep it as it is.
///
/// Source: Wang, Ma, Dong, Huang, Zhang, Wei: *DeepNet: Scaling Transformers to 1,000 Layers*,
/// 2022, figure 2.
///
/// ```
/// use tricks_init::{DeepNorm, VarianceScaling};
/// let DeepNorm { alpha, beta } = DeepNorm::alone(8)?;
/// assert!((alpha - 2.0).abs() < 1e-15 && (beta - 0.125f64.sqrt()).abs() < 1e-15);
/// let value = VarianceScaling::xavier_normal().times(beta);
/// assert!((value.scale - 0.125).abs() < 1e-15);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeepNorm {
    /// Factor of the residual stream, α.
    pub alpha: f64,
    /// Factor of the weights, β.
    pub beta: f64,
}

impl DeepNorm {
    /// For an encoder or a decoder alone.
    ///
    /// # Errors
    /// No blocks.
    pub fn alone(blocks: usize) -> Result<Self> {
        let n = count("DeepNorm", "blocks", blocks, 1)?;
        Ok(Self { alpha: math::pow(2.0 * n, 0.25), beta: math::pow(8.0 * n, -0.25) })
    }

    /// For an encoder with a decoder, each its own.
    ///
    /// # Errors
    /// No blocks in one of them.
    pub fn encoder_and_decoder(encoder: usize, decoder: usize) -> Result<[Self; 2]> {
        let n = count("DeepNorm", "encoder", encoder, 1)?;
        let m = count("DeepNorm", "decoder", decoder, 1)?;
        let both = math::pow(n, 0.25) * math::pow(m, 0.0625);
        Ok([
            Self { alpha: 0.81 * both, beta: 0.87 / both },
            Self { alpha: math::pow(3.0 * m, 0.25), beta: math::pow(12.0 * m, -0.25) },
        ])
    }
}

/// A count of at least `least`, as a number.
fn count(owner: &'static str, what: &str, found: usize, least: usize) -> Result<f64> {
    if found < least {
        return Err(Error::invalid(owner, format!("{what} is {found}, must be at least {least}")));
    }
    Ok(found as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(found: f64, want: f64) {
        assert!((found - want).abs() <= 1e-14 * want, "{found} against {want}");
    }

    #[test]
    fn by_hand() {
        near(gpt2_factor(16).unwrap(), 0.25);
        near(fixup_factor(81, 3).unwrap(), 1.0 / 3.0);
        near(fixup_factor(1, 2).unwrap(), 1.0);
        near(t_fixup_encoder_factor(1).unwrap(), 0.67);
        near(t_fixup_decoder_factor(1).unwrap(), 1.0 / 3.0f64.sqrt());
        let [encoder, decoder] = DeepNorm::encoder_and_decoder(16, 1 << 16).unwrap();
        near(encoder.alpha, 0.81 * 4.0);
        near(encoder.beta, 0.87 / 4.0);
        near(decoder.alpha, 16.0 * 3f64.sqrt().sqrt());
        near(decoder.beta, 1.0 / (16.0 * 12f64.sqrt().sqrt()));
    }

    #[test]
    fn nothing_has_no_depth() {
        let message = |result: Result<f64>| result.unwrap_err().to_string();
        assert_eq!(message(gpt2_factor(0)), "gpt2_factor: layers is 0, must be at least 1");
        assert_eq!(message(fixup_factor(3, 1)), "fixup_factor: layers is 1, must be at least 2");
        assert_eq!(message(fixup_factor(0, 2)), "fixup_factor: branches is 0, must be at least 1");
        assert!(t_fixup_encoder_factor(0).is_err() && t_fixup_decoder_factor(0).is_err());
        assert!(DeepNorm::alone(0).is_err() && DeepNorm::encoder_and_decoder(1, 0).is_err());
    }
}
