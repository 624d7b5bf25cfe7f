/** Models of stock TensorFlow.js as other versions of Keras would have written them. */
import { tensor, transposeTensor } from '../../src/graph/tensor.js';
import { loadStock, type tf } from '../support/tfjs.js';
import { type AnyJson, jsonOf, withJson } from './tampering.js';

type Files = Map<string, Uint8Array>;

/** As Keras 3: `batch_shape`, policies for dtypes, objects for names, calls with arguments, shapes repeated everywhere. */
export async function toKeras3(files: Files): Promise<Files> {
  const json = jsonOf(files);
  const stock = await loadStock(files);
  const model = keras3Layer(json.modelTopology.model_config ?? json.modelTopology, stock);
  json.modelTopology = { keras_version: '3.4.1', backend: 'tensorflow', model_config: model };
  return withJson(files, json);
}

const CLASS = { module: 'keras.layers', registered_name: null };

function keras3Layer(json: AnyJson, layer: tf.layers.Layer): AnyJson {
  const { class_name, config, ...rest } = json;
  const fed = layer.inboundNodes[0]?.inputShapes ?? [];
  const build = class_name === 'InputLayer' ? {} : { build_config: { input_shape: fed.length === 1 ? fed[0] : fed } };
  return { ...rest, ...CLASS, class_name, config: keras3Config(class_name, config, layer), ...build };
}

function keras3Config(className: string, config: AnyJson, layer: tf.layers.Layer): AnyJson {
  if (config.layers) return keras3Model(config, layer as unknown as tf.LayersModel);
  const changed: AnyJson = {};
  for (const [key, value] of Object.entries<AnyJson>(config)) {
    if (key === 'batch_input_shape') changed.batch_shape = value;
    else if (key === 'dtype' && className !== 'InputLayer') {
      changed.dtype = { module: 'keras', class_name: 'DTypePolicy', config: { name: value }, registered_name: null };
    } else if (key === 'activation' && value === 'relu') {
      changed.activation = { ...CLASS, class_name: 'ReLU', config: { max_value: null, negative_slope: 0 } };
    } else if (key === 'activation') {
      changed.activation = { module: 'builtins', class_name: 'function', config: value, registered_name: 'function' };
    } else if (key.endsWith('_initializer')) changed[key] = { ...value, module: 'keras.initializers' };
    else if (key === 'alpha' && className === 'LeakyReLU') changed.negative_slope = value;
    else changed[key] = value;
  }
  return changed;
}

function keras3Model(config: AnyJson, model: tf.LayersModel): AnyJson {
  const layers = config.layers.map((json: AnyJson) => {
    const changed = keras3Layer(json, model.getLayer(json.name ?? json.config.name));
    if (json.inbound_nodes) changed.inbound_nodes = json.inbound_nodes.map((node: AnyJson) => keras3Node(node, model));
    return changed;
  });
  const end = (refs: AnyJson) => (refs?.length === 1 ? refs[0] : refs);
  if (!config.input_layers) return { ...config, layers };
  return { ...config, layers, input_layers: end(config.input_layers), output_layers: end(config.output_layers) };
}

function keras3Node(refs: AnyJson[], model: tf.LayersModel): AnyJson {
  const tensors = refs.map(([name, node, at]) => {
    const { shape } = model.getLayer(name).inboundNodes[0].outputTensors[at];
    const config = { shape, dtype: 'float32', keras_history: [name, node, at] };
    return { class_name: '__keras_tensor__', config };
  });
  return { args: tensors.length === 1 ? tensors : [tensors], kwargs: { mask: null } };
}

/** As Keras 1: classes and fields by their old names, kernels in old layouts, weights named `layer_W`. */
export function toKeras1(files: Files): Files {
  const json = jsonOf(files);
  const layers = json.modelTopology.config.layers as AnyJson[];
  const byName = new Map<string, AnyJson>(layers.map((layer) => [layer.name ?? layer.config.name, { ...layer }]));
  const [group] = json.weightsManifest;
  const bytes = files.get(group.paths[0])!;
  const parts: Uint8Array[] = [];
  let offset = bytes.byteOffset;
  for (const weight of group.weights) {
    const count = weight.shape.reduce((n: number, d: number) => n * d, 1);
    const data = new Float32Array(bytes.buffer.slice(offset, offset + 4 * count) as ArrayBuffer);
    offset += 4 * count;
    const [layer, role] = weight.name.split('/');
    const written = keras1Weight(tensor('float32', weight.shape, data), role, byName.get(layer));
    weight.shape = [...written.shape];
    weight.name = `${layer}/${layer}_${KERAS1_ROLES[role] ?? role}`;
    parts.push(new Uint8Array((written.data as Float32Array).buffer));
  }
  for (const layer of layers) keras1Layer(layer);
  if (json.modelTopology.class_name === 'Sequential') json.modelTopology.config = layers;
  return new Map([...withJson(files, json), [group.paths[0], new Uint8Array(Buffer.concat(parts))]]);
}

const KERAS1_ROLES: Readonly<Record<string, string>> = {
  kernel: 'W',
  bias: 'b',
  moving_mean: 'running_mean',
  moving_variance: 'running_std',
};

function keras1Weight(t: ReturnType<typeof tensor>, role: string, layer: AnyJson) {
  if (role !== 'kernel') return t;
  if (layer.class_name === 'Conv1D') return { ...t, shape: [t.shape[0], 1, t.shape[1], t.shape[2]] };
  const isTheano = layer.config.data_format === 'channels_first';
  if (layer.class_name === 'Conv2DTranspose') return transposeTensor(t, isTheano ? [2, 3, 0, 1] : [0, 1, 3, 2]);
  return layer.class_name === 'Conv2D' && isTheano ? transposeTensor(t, [3, 2, 0, 1]) : t;
}

const CONV_2D = {
  filters: 'nb_filter',
  padding: 'border_mode',
  strides: 'subsample',
  use_bias: 'bias',
  data_format: 'dim_ordering',
};

const KERAS1_CLASSES: Readonly<Record<string, readonly [string, Readonly<Record<string, string>>]>> = {
  Conv1D: [
    'Convolution1D',
    { filters: 'nb_filter', padding: 'border_mode', strides: 'subsample_length', use_bias: 'bias' },
  ],
  Conv2D: ['Convolution2D', CONV_2D],
  Conv2DTranspose: ['Deconvolution2D', CONV_2D],
  Dense: ['Dense', { units: 'output_dim', use_bias: 'bias' }],
  Dropout: ['Dropout', { rate: 'p' }],
  MaxPooling1D: ['MaxPooling1D', { pool_size: 'pool_length', strides: 'stride', padding: 'border_mode' }],
  MaxPooling2D: ['MaxPooling2D', { padding: 'border_mode', data_format: 'dim_ordering' }],
  GlobalAveragePooling2D: ['GlobalAveragePooling2D', { data_format: 'dim_ordering' }],
};
const MODES: Readonly<Record<string, string>> = { Add: 'sum', Multiply: 'mul', Average: 'ave', Concatenate: 'concat' };
const ORDERINGS: Readonly<Record<string, string>> = { channels_last: 'tf', channels_first: 'th' };

function keras1Layer(layer: AnyJson): void {
  const { class_name, config } = layer;
  if (MODES[class_name]) {
    layer.class_name = 'Merge';
    layer.config = { name: config.name, mode: MODES[class_name], concat_axis: config.axis ?? -1, mode_type: 'raw' };
    return;
  }
  const row = KERAS1_CLASSES[class_name];
  if (!row) return;
  layer.class_name = row[0];
  for (const [today, old] of Object.entries(row[1])) {
    config[old] = ORDERINGS[config[today]] ?? config[today];
    delete config[today];
  }
  if (class_name.startsWith('Conv2D')) [config.nb_row, config.nb_col] = config.kernel_size;
  if (class_name === 'Conv2DTranspose') {
    const open = [null, null, null];
    config.output_shape = open.toSpliced(config.dim_ordering === 'th' ? 1 : 3, 0, config.nb_filter);
  }
  if (class_name === 'Conv1D') config.filter_length = config.kernel_size[0];
  if (class_name.startsWith('Conv')) delete config.kernel_size;
  if (class_name === 'Conv1D') config.subsample_length = config.subsample_length[0];
  if (class_name === 'Conv1D') delete config.dilation_rate;
  if (class_name.startsWith('Conv2D')) delete config.dilation_rate;
}
