// Owns the list of operators that a model may use: what the CPU code of ONNX Runtime 1.30 implements, found by asking
// it to load each one. Which versions of an operator exist is left to the runtime, which refuses at load.

const words = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((word) => word !== ''));

/** Left out although the runtime still knows them: the experimental operators of opset 1 (Affine, Crop, Scale, ...). */
const AI_ONNX = words(`
  Abs Acos Acosh Add AffineGrid And ArgMax ArgMin Asin Asinh Atan Atanh Attention AveragePool BatchNormalization
  Bernoulli BitCast BitShift BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BlackmanWindow Cast CastLike Ceil Celu
  CenterCropPad Clip Col2Im Compress Concat ConcatFromSequence Constant ConstantOfShape Conv ConvInteger ConvTranspose
  Cos Cosh CumProd CumSum DFT DeformConv DepthToSpace DequantizeLinear Det Div Dropout DynamicQuantizeLinear Einsum
  Elu Equal Erf Exp Expand EyeLike Flatten Floor GRU Gather GatherElements GatherND Gelu Gemm GlobalAveragePool
  GlobalLpPool GlobalMaxPool Greater GreaterOrEqual GridSample GroupNormalization HammingWindow HannWindow HardSigmoid
  HardSwish Hardmax Identity If InstanceNormalization IsInf IsNaN LRN LSTM LayerNormalization LeakyRelu Less
  LessOrEqual Log LogSoftmax Loop LpNormalization LpPool MatMul MatMulInteger Max MaxPool MaxRoiPool MaxUnpool Mean
  MeanVarianceNormalization MelWeightMatrix Min Mish Mod Mul Multinomial Neg NegativeLogLikelihoodLoss
  NonMaxSuppression NonZero Not OneHot Optional OptionalGetElement OptionalHasElement Or PRelu Pad Pow QLinearConv
  QLinearMatMul QuantizeLinear RMSNormalization RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike Range
  Reciprocal ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
  ReduceSumSquare RegexFullMatch Relu Reshape Resize ReverseSequence RoiAlign RotaryEmbedding Round STFT Scan Scatter
  ScatterElements ScatterND Selu SequenceAt SequenceConstruct SequenceEmpty SequenceErase SequenceInsert SequenceLength
  SequenceMap Shape Shrink Sigmoid Sign Sin Sinh Size Slice Softmax SoftmaxCrossEntropyLoss Softplus Softsign
  SpaceToDepth Split SplitToSequence Sqrt Squeeze StringConcat StringNormalizer StringSplit Sub Sum Tan Tanh
  TensorScatter TfIdfVectorizer ThresholdedRelu Tile TopK Transpose Trilu Unique Unsqueeze Upsample Where Xor
`);

/** ZipMap is in the list although no JavaScript caller can take its output: the check of outputs says so by name. */
const AI_ONNX_ML = words(`
  ArrayFeatureExtractor Binarizer CastMap CategoryMapper DictVectorizer FeatureVectorizer Imputer LabelEncoder
  LinearClassifier LinearRegressor Normalizer OneHotEncoder SVMClassifier SVMRegressor Scaler TreeEnsemble
  TreeEnsembleClassifier TreeEnsembleRegressor ZipMap
`);

/** Never EPContext: it names a file that the runtime opens. */
const COM_MICROSOFT = words(`
  Attention BiasGelu CDist ConvTransposeWithDynamicPads CropAndResize DequantizeLinear DynamicQuantizeLSTM
  DynamicQuantizeMatMul EmbedLayerNormalization ExpandDims FastGelu FusedConv FusedGemm FusedMatMul
  GatherBlockQuantized GatherND Gelu GridSample GroupQueryAttention Inverse MatMulBnb4 MatMulFpQ4 MatMulIntegerToFloat
  MatMulNBits MaxpoolWithMask MoE MultiHeadAttention MurmurHash3 NGramRepeatBlock NhwcMaxPool Pad QAttention QGemm
  QLinearAdd QLinearAveragePool QLinearConcat QLinearConv QLinearGlobalAveragePool QLinearLeakyRelu QLinearMul
  QLinearSigmoid QLinearSoftmax QLinearWhere QMoE QuantizeLinear QuickGelu Range RotaryEmbedding
  SkipLayerNormalization SkipSimplifiedLayerNormalization SparseToDenseMatMul Tokenizer TransposeMatMul Trilu Unique
  WordConvEmbedding
`);

export const AI_ONNX_DOMAIN = 'ai.onnx';
export const MICROSOFT_DOMAIN = 'com.microsoft';

/** '' and ai.onnx are one domain; this is its one spelling here. */
export const spellDomain = (domain: string | null | undefined): string => (domain ? domain : AI_ONNX_DOMAIN);

export interface OperatorDomain {
  readonly operators: ReadonlySet<string>;
  /** Operator set versions that the runtime accepts, both ends included. */
  readonly versions: readonly [from: number, to: number];
  /** Accepted only when the caller asks for it: foreign runtimes do not have it. */
  readonly optional: boolean;
}

export const OPERATOR_DOMAINS: ReadonlyMap<string, OperatorDomain> = new Map([
  [AI_ONNX_DOMAIN, { operators: AI_ONNX, versions: [7, 26], optional: false }],
  ['ai.onnx.ml', { operators: AI_ONNX_ML, versions: [1, 5], optional: false }],
  [MICROSOFT_DOMAIN, { operators: COM_MICROSOFT, versions: [1, 1], optional: true }],
]);
