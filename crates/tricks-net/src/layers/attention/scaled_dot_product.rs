use ndarray::{ArrayView1, ArrayView2, ArrayView4, ArrayViewD, ArrayViewMut2, ArrayViewMut4, Axis};
use std::array::from_fn;
use tricks_tensor::kernel::{join, matmul, sum_blocks, sum_zip, vectorize, worth_forking};
use tricks_tensor::views::{require_shape, with_numbers};
use tricks_tensor::{Error, Float, Result, ndarray};

/// Which keys a query sees, and how much it favours each.
///
/// # Formula
/// ```text
/// S = q kᵀ / √d + bias        −∞ where causal and s > t, and where padding[n, s]
/// ```
///
/// | field | default | what |
/// |---|---|---|
/// | `causal` | false | query `t` sees the keys 0 to `t` |
/// | `padding` | none | `[samples, keys]`; no query sees a key that is `true` |
/// | `bias` | none | added to the logits; broadcast to `[samples, heads, queries, keys]` |
///
/// # Notes
/// * PyTorch's `attn_mask` is `bias` if it holds numbers. Where it holds booleans, true means seen
///   in `scaled_dot_product_attention` and hidden in `MultiheadAttention`: make them 0 and −∞.
///   `key_padding_mask` is `padding`.
/// * `bias` has no gradient: it is for positions (ALiBi), windows and packed sequences, not
///   learned.
/// * −∞ hides a key; +∞ and NaN make NaN of their row.
///
/// # Source
/// Vaswani and others: *Attention is all you need*, 2017, section 3.2.3; biases: Press, Smith,
/// Lewis: *Train short, test long: attention with linear biases enables input length
/// extrapolation*, 2022.
///
/// ```
/// use tricks_net::layers::{AttentionConfig, AttentionMask, MultiheadAttention};
/// use tricks_tensor::{Mode, ndarray::{Array2, ArrayD}};
/// // ALiBi with a slope of ½: what is further away counts less. The same for all samples and heads.
/// let bias = Array2::from_shape_fn((3, 3), |(t, s)| -0.5 * t.abs_diff(s) as f64).into_dyn();
/// let mask = AttentionMask { causal: true, bias: Some(bias.view()), ..AttentionMask::default() };
/// let mut attention = MultiheadAttention::new(4, AttentionConfig::default())?;
/// let x = ArrayD::ones(vec![1, 3, 4]);
/// let mut y = x.clone();
/// attention.forward_masked(x.view(), mask, y.view_mut(), Mode::Eval)?;
/// // All maps are zero, so that the bias alone decides: 1 and e^-½, over their sum.
/// let weights = attention.weights();
/// assert!((weights[[0, 0, 1, 0]] / weights[[0, 0, 1, 1]] - (-0.5f64).exp()).abs() < 1e-12);
/// assert_eq!(weights[[0, 0, 1, 2]], 0.0);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct AttentionMask<'a, F> {
    /// Whether a query sees the keys up to its own place only.
    pub causal: bool,
    /// `[samples, keys]`, true for the keys that are only there to fill a batch.
    pub padding: Option<ArrayView2<'a, bool>>,
    /// What is added to the logits; its shape is broadcast to `[samples, heads, queries, keys]`.
    pub bias: Option<ArrayViewD<'a, F>>,
}

impl<F> Default for AttentionMask<'_, F> {
    fn default() -> Self {
        Self { causal: false, padding: None, bias: None }
    }
}

impl<'a, F> AttentionMask<'a, F> {
    /// Hides the keys that are `true`; `padding` is `[samples, keys]`.
    pub fn padding(padding: ArrayView2<'a, bool>) -> Self {
        Self { padding: Some(padding), ..Self::default() }
    }

    /// Refuses what does not fit weights of this shape, `[samples, heads, queries, keys]`.
    pub(super) fn check(&self, owner: &'static str, of_weights: [usize; 4]) -> Result<()> {
        if let Some(padding) = self.padding {
            let expected = [of_weights[0], of_weights[3]];
            require_shape(owner, ("padding", padding.shape()), ("expected", &expected))?;
        }
        match &self.bias {
            Some(bias) if bias.broadcast(of_weights).is_none() => {
                let found = bias.shape();
                let message =
                    format!("bias has shape {found:?}, cannot be broadcast to {of_weights:?}");
                Err(Error::invalid(owner, message))
            }
            _ => Ok(()),
        }
    }
}

const NAME: &str = "scaled_dot_product_attention";

/// Every query takes a mean of the values, weighted by how well their keys fit it.
///
/// # Formula
/// ```text
/// S = q kᵀ / √d + bias      q: [samples, heads, queries, d]   k: [samples, key heads, keys, d]
/// P = softmax of the rows of S, over the keys that are seen
/// y = P v                   v: [samples, key heads, keys, e]  y: [samples, heads, queries, e]
///
/// backward:  dv = Pᵀ dy        dP = dy vᵀ        dS = P ∘ (dP − Σ over keys of P ∘ dP)
///            dq = dS k / √d    dk = dSᵀ q / √d
/// ```
/// `weights` is filled with `P`, `[samples, heads, queries, keys]`, which
/// [`scaled_dot_product_attention_backward`] needs. With fewer key heads than heads, each serves
/// `heads / key heads` neighbouring heads.
///
/// # Memory
/// None but what is lent.
///
/// # Notes
/// * The largest logit of a row is taken off first: none is too large.
/// * A query that sees no key, or none with a logit above −∞, gets zeros and gives no gradient. In
///   PyTorch it gets zeros or NaN, by the path that is taken.
/// * Causal with another number of keys than of queries: both count from the first, as in PyTorch.
/// * A key that is not seen has weight 0, but its value is multiplied by that: it must be finite.
///
/// # Source
/// Vaswani and others: *Attention is all you need*, 2017, equation 1; key heads: Ainslie and
/// others: *GQA: training generalized multi-query transformer models from multi-head checkpoints*,
/// 2023.
///
/// ```
/// use tricks_net::layers::{AttentionMask, scaled_dot_product_attention};
/// use tricks_tensor::ndarray::{Array4, arr2};
/// // The logits are 0 and ln 3; weights ¼ and ¾.
/// let q = Array4::from_elem((1, 1, 1, 1), 1.0);
/// let k = arr2(&[[0.0], [3f64.ln()]]).into_shape_with_order((1, 1, 2, 1)).unwrap();
/// let v = arr2(&[[8.0], [4.0]]).into_shape_with_order((1, 1, 2, 1)).unwrap();
/// let (mut weights, mut y) = (Array4::zeros((1, 1, 1, 2)), Array4::zeros((1, 1, 1, 1)));
/// let inputs = [q.view(), k.view(), v.view()];
/// let mask = AttentionMask::default();
/// scaled_dot_product_attention(inputs, mask, weights.view_mut(), y.view_mut())?;
/// assert!((y[[0, 0, 0, 0]] - 5.0).abs() < 1e-12);
/// # Ok::<(), tricks_tensor::Error>(())
/// ```
///
/// # Errors
/// Shapes that do not fit each other.
pub fn scaled_dot_product_attention<F: Float>(
    [q, k, v]: [ArrayView4<'_, F>; 3],
    mask: AttentionMask<'_, F>,
    weights: ArrayViewMut4<'_, F>,
    y: ArrayViewMut4<'_, F>,
) -> Result<()> {
    let of_weights = check([q, k, v])?;
    mask.check(NAME, of_weights)?;
    require_shape(NAME, ("weights", weights.shape()), ("expected", &of_weights))?;
    require_shape(NAME, ("output", y.shape()), ("expected", &output_shape(q, v)))?;
    with_numbers(weights.into_dyn(), |weights| {
        let mut weights = ArrayViewMut4::from_shape(of_weights, weights).expect("checked above");
        fill_weights([q, k], &mask, weights.view_mut());
        mix(weights.view(), v.view(), y);
    });
    Ok(())
}

/// The gradients of [`scaled_dot_product_attention`], which filled `weights`: `[dq, dk, dv]` are
/// set from `dy`.
///
/// # Memory
/// Another array of the size of `weights`.
///
/// # Errors
/// Shapes that do not fit each other.
pub fn scaled_dot_product_attention_backward<F: Float>(
    [q, k, v]: [ArrayView4<'_, F>; 3],
    weights: ArrayView4<'_, F>,
    dy: ArrayView4<'_, F>,
    [dq, dk, dv]: [ArrayViewMut4<'_, F>; 3],
) -> Result<()> {
    let of_weights = check([q, k, v])?;
    require_shape(NAME, ("weights", weights.shape()), ("expected", &of_weights))?;
    require_shape(NAME, ("output gradient", dy.shape()), ("expected", &output_shape(q, v)))?;
    require_shape(NAME, ("query gradient", dq.shape()), ("query", q.shape()))?;
    require_shape(NAME, ("key gradient", dk.shape()), ("key", k.shape()))?;
    require_shape(NAME, ("value gradient", dv.shape()), ("value", v.shape()))?;
    let weights = weights.as_standard_layout();
    let mut logits = ndarray::Array4::zeros(of_weights);
    unmix([weights.view(), v.view(), dy.view()], logits.view_mut(), dv);
    through_softmax([q.view(), k.view(), weights.view()], logits.view_mut(), [dq, dk]);
    Ok(())
}

/// The shape of the weights.
fn check<F: Float>([q, k, v]: [ArrayView4<'_, F>; 3]) -> Result<[usize; 4]> {
    let ([samples, heads, queries, d], [_, key_heads, keys, _]) = (q.dim().into(), k.dim().into());
    require_shape(NAME, ("key", k.shape()), ("expected", &[samples, key_heads, keys, d]))?;
    let value = [samples, key_heads, keys, v.dim().3];
    require_shape(NAME, ("value", v.shape()), ("expected", &value))?;
    if heads.checked_rem(key_heads) != Some(0) && heads + key_heads > 0 {
        let message =
            format!("{heads} heads of queries, must be a multiple of {key_heads} of keys");
        return Err(Error::invalid(NAME, message));
    }
    Ok([samples, heads, queries, keys])
}

fn output_shape<F>(q: ArrayView4<'_, F>, v: ArrayView4<'_, F>) -> [usize; 4] {
    let (samples, heads, queries, _) = q.dim();
    [samples, heads, queries, v.dim().3]
}

/// `P` from `q` and `k`; shapes fit, and `weights` is in C order.
pub(super) fn fill_weights<F: Float>(
    [q, k]: [ArrayView4<'_, F>; 2],
    mask: &AttentionMask<'_, F>,
    mut weights: ArrayViewMut4<'_, F>,
) {
    let scale = scale(k);
    let keep = match &mask.bias {
        Some(bias) => {
            weights.assign(bias);
            F::one()
        }
        None => F::zero(),
    };
    each_head(Part::of(k, weights.len()), [q, k], [weights], &|sample, [q, k], [mut weights]| {
        let padding = mask.padding.as_ref().map(|padding| padding.row(sample));
        for head in 0..q.dim().1 {
            let mut weights = of_head_mut(&mut weights, head);
            matmul(scale, of_head(&q, head), of_head(&k, 0).t(), keep, weights.view_mut());
            for (t, row) in weights.rows_mut().into_iter().enumerate() {
                let row = row.into_slice().expect("in C order");
                let seen = if mask.causal { row.len().min(t + 1) } else { row.len() };
                let (seen, rest) = row.split_at_mut(seen);
                softmax(seen, padding);
                rest.fill(F::zero());
            }
        }
    });
}

/// `y ← P v`.
pub(super) fn mix<F: Float>(
    weights: ArrayView4<'_, F>,
    v: ArrayView4<'_, F>,
    y: ArrayViewMut4<'_, F>,
) {
    each_head(
        Part::of(v.view(), weights.len()),
        [weights.view(), v.view()],
        [y],
        &|_, [weights, v], [mut y]| {
            for head in 0..weights.dim().1 {
                let y = of_head_mut(&mut y, head);
                matmul(F::one(), of_head(&weights, head), of_head(&v, 0), F::zero(), y);
            }
        },
    );
}

/// `dP ← dy vᵀ` and `dv ← Pᵀ dy`.
pub(super) fn unmix<F: Float>(
    [weights, v, dy]: [ArrayView4<'_, F>; 3],
    mut dweights: ArrayViewMut4<'_, F>,
    mut dv: ArrayViewMut4<'_, F>,
) {
    let part = Part::of(v, weights.len());
    each_head(
        part,
        [weights, v, dy],
        [dweights.view_mut(), dv.view_mut()],
        &|_, [weights, v, dy], [mut dp, mut dv]| {
            for head in 0..weights.dim().1 {
                let (weights, dy) = (of_head(&weights, head), of_head(&dy, head));
                matmul(F::one(), dy, of_head(&v, 0).t(), F::zero(), of_head_mut(&mut dp, head));
                matmul(F::one(), weights.t(), dy, keep(head), of_head_mut(&mut dv, 0));
            }
        },
    );
}

/// `dP` becomes `dS`, from which `dq` and `dk` follow; `P` and `dP` are in C order.
pub(super) fn through_softmax<F: Float>(
    [q, k, weights]: [ArrayView4<'_, F>; 3],
    mut dweights: ArrayViewMut4<'_, F>,
    [mut dq, mut dk]: [ArrayViewMut4<'_, F>; 2],
) {
    let (part, scale) = (Part::of(k, weights.len()), scale(k));
    let write = [dweights.view_mut(), dq.view_mut(), dk.view_mut()];
    each_head(part, [q, k, weights], write, &|_, [q, k, weights], [mut ds, mut dq, mut dk]| {
        for head in 0..weights.dim().1 {
            let mut ds = of_head_mut(&mut ds, head);
            for (p, dp) in of_head(&weights, head).rows().into_iter().zip(ds.rows_mut()) {
                let (p, dp) = (p.to_slice(), dp.into_slice());
                softmax_gradient(p.expect("in C order"), dp.expect("in C order"));
            }
            let (ds, q) = (ds.view(), of_head(&q, head));
            matmul(scale, ds, of_head(&k, 0), F::zero(), of_head_mut(&mut dq, head));
            matmul(scale, ds.t(), q, keep(head), of_head_mut(&mut dk, 0));
        }
    });
}

/// `1/√d`.
fn scale<F: Float>(k: ArrayView4<'_, F>) -> F {
    F::of(1.0 / (k.dim().3 as f64).sqrt())
}

/// The heads that share a key add to its gradient; the first sets it.
fn keep<F: Float>(head: usize) -> F {
    if head == 0 { F::zero() } else { F::one() }
}

fn of_head<'a, F: Float>(x: &ArrayView4<'a, F>, head: usize) -> ArrayView2<'a, F> {
    x.index_axis_move(Axis(0), 0).index_axis_move(Axis(0), head)
}

fn of_head_mut<'a, F>(x: &'a mut ArrayViewMut4<'_, F>, head: usize) -> ArrayViewMut2<'a, F> {
    x.view_mut().index_axis_move(Axis(0), 0).index_axis_move(Axis(0), head)
}

/// Logits of the keys that may be seen become weights; all 0 if every one is hidden.
fn softmax<F: Float>(row: &mut [F], padding: Option<ArrayView1<'_, bool>>) {
    let hidden = F::neg_infinity();
    for (x, _) in row.iter_mut().zip(padding.into_iter().flatten()).filter(|(_, hide)| **hide) {
        *x = hidden;
    }
    // A NaN loses every comparison here, and wins in the sum.
    let max = row.iter().fold(hidden, |max, &x| if x > max { x } else { max });
    if max == hidden && row.iter().all(|x| *x == hidden) {
        return row.fill(F::zero());
    }
    vectorize(
        #[inline(always)]
        || row.iter_mut().for_each(|x| *x = (*x - max).exp_exact()),
    );
    let sum = sum_blocks(
        row,
        #[inline(always)]
        |x| x,
    );
    let sum = F::of(sum);
    row.iter_mut().for_each(|x| *x /= sum);
}

/// `dp ← p ∘ (dp − Σ p dp)`.
fn softmax_gradient<F: Float>(p: &[F], dp: &mut [F]) {
    let total = sum_zip(
        [p, &*dp],
        #[inline(always)]
        |[p, dp]| p.widen() * dp.widen(),
    );
    let total = F::of(total);
    p.iter().zip(dp).for_each(|(&p, dp)| *dp = p * (*dp - total));
}

/// Samples from this one on, and key heads.
#[derive(Clone, Copy)]
struct Part {
    sample: usize,
    samples: usize,
    heads: usize,
    /// Numbers to compute.
    work: usize,
}

impl Part {
    /// All of them, for as many weights.
    fn of<F>(k: ArrayView4<'_, F>, weights: usize) -> Self {
        let (samples, heads, _, d) = k.dim();
        Self { sample: 0, samples, heads, work: weights * d }
    }
}

/// Calls `f` for each sample and key head with its part of every array, `[1, its heads, …]`, on
/// many threads if that is worth it.
fn each_head<F: Float, const N: usize, const M: usize>(
    part: Part,
    read: [ArrayView4<'_, F>; N],
    write: [ArrayViewMut4<'_, F>; M],
    f: &(impl Fn(usize, [ArrayView4<'_, F>; N], [ArrayViewMut4<'_, F>; M]) + Sync),
) {
    let Part { sample, samples, heads, work } = part;
    let (axis, whole) = if samples == 1 { (Axis(1), heads) } else { (Axis(0), samples) };
    if samples * heads < 2 {
        if samples * heads == 1 {
            f(sample, read, write);
        }
        return;
    }
    let middle = whole / 2;
    let cut = |len: usize| len / whole * middle;
    let [low, high] = [middle, whole - middle].map(|count| {
        let work = work / whole * count;
        match axis {
            Axis(0) => Part { samples: count, work, ..part },
            _ => Part { heads: count, work, ..part },
        }
    });
    let high = if axis == Axis(0) { Part { sample: sample + middle, ..high } } else { high };
    let halves = read.map(|x| x.split_at(axis, cut(x.len_of(axis))));
    let (read0, read1) = (halves.map(|half| half.0), halves.map(|half| half.1));
    let mut halves = write.map(|x| {
        let at = cut(x.len_of(axis));
        let (low, high) = x.split_at(axis, at);
        (Some(low), Some(high))
    });
    let write0 = from_fn(|i| halves[i].0.take().expect("taken once"));
    let write1 = from_fn(|i| halves[i].1.take().expect("taken once"));
    if worth_forking(work) {
        join(|| each_head(low, read0, write0, f), || each_head(high, read1, write1, f));
    } else {
        each_head(low, read0, write0, f);
        each_head(high, read1, write1, f);
    }
}
