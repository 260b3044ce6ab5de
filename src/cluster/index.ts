/** cluster.yaml, a whole cluster in one file: text → nodes → the config of each. Pure. */

export { mediumConfigs, withoutAddress } from "./media.ts";

import { jsonSchema } from "../config/json-schema.ts";
import { schema } from "./schema.ts";

export { type ClusterFile, type ClusterNode, isClusterText, type ReadCluster, readCluster } from "./read.ts";

/** docs/cluster.schema.json, for editors. */
export const clusterJsonSchema = () => jsonSchema(schema, "cluster.yaml of k3OS");
