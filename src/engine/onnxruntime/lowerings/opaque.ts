import { fromBinary } from '@bufbuild/protobuf';
import { intAttr, intsAttr } from '../../../graph/ops/attributes.js';
import { NodeProtoSchema } from '../../../onnx-proto/index.js';
import type { LoweringTable } from '../lowering.js';

/** What only ONNX knows is run as it stands in the user's file. */
export const OPAQUE: LoweringTable = {
  Opaque: (x) => {
    const proto = fromBinary(NodeProtoSchema, Buffer.from(String(x.node.attrs.proto), 'base64'));
    x.foreign(proto, intsAttr(x.node, 'outputs'), intAttr(x.node, 'version', 1));
  },
};
