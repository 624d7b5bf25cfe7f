/* What the addon tells of the contract (kernels/contract.h, kernels/operators.c, kernels/map.h): TypeScript writes programs by it. */
#ifndef ES_CONTRACT_EXPORTS_H
#define ES_CONTRACT_EXPORTS_H

#include <node_api.h>

/* Sets `instructions`, an array of {name, fields, lists, operands, scratch} in the order of their numbers; and `mapOperations`, names. */
void es_export_contract(napi_env env, napi_value exports);

#endif
