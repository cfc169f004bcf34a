//! Small networks to use training techniques on: layers, losses, data, training.
//!
//! The standard recipe, ReLU, He initialization, batch normalization, dropout, Adam under a
//! cosine, is a short program:
//!
//! ```
//! use tricks_init::{Layout, VarianceScaling, initialize};
//! use tricks_net::data::{Batching, Dataset};
//! use tricks_net::layers::{Dense, ReLU, Sequential};
//! use tricks_net::losses::SoftmaxCrossEntropy;
//! use tricks_net::train::{JsonLines, Plan, Run};
//! use tricks_net::Net;
//! use tricks_optim::{Adam, Optimizer};
//! use tricks_regularize::{BatchNorm, BatchNormConfig, Dropout};
//! use tricks_schedule::Cosine;
//! use tricks_tensor::{Noise, ndarray::Array2};
//!
//! // Points on a grid; is x₀² + x₁² below ½?
//! let x = Array2::from_shape_fn((400, 2), |(i, j)| [i % 20, i / 20][j] as f32 / 10.0 - 0.95);
//! let inside = x.outer_iter().map(|x| usize::from(x.dot(&x) < 0.5)).collect::<Vec<_>>();
//! let data = Dataset::new(x, inside)?;
//!
//! let layers = Sequential::new()
//!     .push(Dense::<f32>::without_bias(2, 64))
//!     .push(BatchNorm::new(64, BatchNormConfig::default())?)
//!     .push(ReLU)
//!     .push(Dropout::new(0.1)?)
//!     .push(Dense::new(64, 2));
//! let mut net = Net::new(layers);
//! initialize(&mut net, Layout::OutIn, &VarianceScaling::he_normal(), Noise::new(42))?;
//!
//! let adam = Optimizer::builder(Adam::torch()).bind(&mut net)?;
//! let cosine = Cosine { from: 0.01, to: 0.0, steps: 30 * 13 };
//! let mut run = Run::new(net, adam, cosine, SoftmaxCrossEntropy::default(), 42);
//! let mut log = JsonLines::new(Vec::new());
//! run.fit(&Plan::new(30, Batching::of(32)), &data, None, &mut [&mut log])?;
//!
//! let metrics = run.evaluate(&data, 100)?;
//! assert!(metrics.accuracy > Some(0.9), "{metrics:?}");
//! # Ok::<(), tricks_tensor::Error>(())
//! ```
//!
//! Who wants every trick in sight owns the loop: [`Net::forward_train`], [`Pass::backward`], then
//! whatever acts on the gradients, then the optimizer's step. Who only wants to act on the
//! gradients is an observer with [`on_gradients`](train::Observer::on_gradients).
//!
//! There is no tape: each layer has an explicit backward pass, held to central differences. The
//! same seed gives the same bits for every thread count; matrix products choose their instructions
//! at run time, so CPU models may differ in the last place. Once a net has seen its largest batch,
//! only the matrix product still allocates: it packs its operands.
//!
//! | module | what |
//! |---|---|
//! | [`layers`] | [`Dense`](layers::Dense), [`Conv1d`](layers::Conv1d), [`Conv2d`](layers::Conv2d), [`ConvTranspose2d`](layers::ConvTranspose2d), pooling, [`Embedding`](layers::Embedding), activations from [`ReLU`](layers::ReLU) to [`GELU`](layers::GELU) |
//! | | [`MultiheadAttention`](layers::MultiheadAttention), positional encodings, [`TransformerEncoderLayer`](layers::TransformerEncoderLayer), [`TransformerDecoderLayer`](layers::TransformerDecoderLayer), [`Rnn`](layers::Rnn), [`Lstm`](layers::Lstm), [`Gru`](layers::Gru), [`Reversed`](layers::Reversed) |
//! | | [`Sequential`](layers::Sequential), [`Parallel`](layers::Parallel), [`Residual`](layers::Residual) |
//! | [`models`] | [`mlp`](models::mlp), [`lenet`](models::lenet), [`plain_cnn`](models::plain_cnn), [`resnet`](models::resnet), [`gpt`](models::gpt), [`vit`](models::vit) |
//! | [`inspect`](mod@inspect) | [`inspect`](inspect::inspect): one batch in an untrained net, layer by layer, and which initialization would be better; [`Lsuv`](inspect::Lsuv) |
//! | [`losses`] | [`SoftmaxCrossEntropy`](losses::SoftmaxCrossEntropy), [`MeanSquaredError`](losses::MeanSquaredError), [`Huber`](losses::Huber) and the others of PyTorch and Optax, reduced or [one by one](losses::EachLoss) |
//! | [`data`] | [`Dataset`](data::Dataset), [`DataSource`](data::DataSource), [`Tokens`](data::Tokens), [`Batching`](data::Batching), IDX, CSV |
//! | [`train`] | [`Run`](train::Run) and its loop, [`Observer`](train::Observer), checkpoints, [`EarlyStopping`](train::EarlyStopping), [`evaluate`](train::evaluate) |
//!
//! | feature | default | what |
//! |---|---|---|
//! | `rayon` | yes | threads, in the pool the caller installs |
//! | `safetensors` | yes | checkpoint files |
//! | `csv` | no | data sets from CSV files |

mod buffer;
pub mod data;
pub mod inspect;
pub mod layers;
pub mod losses;
pub mod models;
mod net;
pub mod train;

pub use net::{Net, Pass};
