#include "contract-exports.h"

#include "kernels/map.h"
#include "kernels/program.h"

#define ES_MAP_NAME(name, value) #name,

static void export_names(napi_env env, napi_value exports, const char *name, const char *const *names, int count) {
  napi_value list, text;
  napi_create_array_with_length(env, (size_t)count, &list);
  for (int i = 0; i < count; i++) {
    napi_create_string_utf8(env, names[i], NAPI_AUTO_LENGTH, &text);
    napi_set_element(env, list, (uint32_t)i, text);
  }
  napi_set_named_property(env, exports, name, list);
}

static void set_text(napi_env env, napi_value object, const char *name, const char *text) {
  napi_value value;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  napi_set_named_property(env, object, name, value);
}

static void set_number(napi_env env, napi_value object, const char *name, double number) {
  napi_value value;
  napi_create_double(env, number, &value);
  napi_set_named_property(env, object, name, value);
}

static void set_boolean(napi_env env, napi_value object, const char *name, int is) {
  napi_value value;
  napi_get_boolean(env, is, &value);
  napi_set_named_property(env, object, name, value);
}

static napi_value exported_field(napi_env env, const es_field *field) {
  napi_value object;
  napi_create_object(env, &object);
  set_text(env, object, "name", field->name);
  set_number(env, object, "least", field->least);
  set_number(env, object, "most", field->most);
  set_boolean(env, object, "whole", field->whole);
  return object;
}

static napi_value exported_operand(napi_env env, const es_operand_spec *operand) {
  napi_value object;
  napi_create_object(env, &object);
  set_text(env, object, "name", operand->name);
  set_text(env, object, "access", operand->access);
  set_text(env, object, "dtype", operand->dtype);
  set_boolean(env, object, "optional", operand->optional);
  set_boolean(env, object, "many", operand->count != NULL);
  return object;
}

static napi_value exported_instruction(napi_env env, const es_op *op) {
  napi_value object, fields, operands;
  napi_create_object(env, &object);
  set_text(env, object, "name", op->name);
  set_boolean(env, object, "scratch", op->scratch != NULL);
  napi_create_array_with_length(env, (size_t)op->field_count, &fields);
  for (int i = 0; i < op->field_count; i++) napi_set_element(env, fields, (uint32_t)i, exported_field(env, &op->fields[i]));
  napi_set_named_property(env, object, "fields", fields);
  export_names(env, object, "lists", op->lists, op->list_count);
  napi_create_array_with_length(env, (size_t)op->operand_count, &operands);
  for (int i = 0; i < op->operand_count; i++) napi_set_element(env, operands, (uint32_t)i, exported_operand(env, &op->operands[i]));
  napi_set_named_property(env, object, "operands", operands);
  return object;
}

void es_export_contract(napi_env env, napi_value exports) {
  napi_value instructions;
  napi_create_array_with_length(env, (size_t)es_op_count, &instructions);
  for (int i = 0; i < es_op_count; i++) napi_set_element(env, instructions, (uint32_t)i, exported_instruction(env, &es_ops[i]));
  napi_set_named_property(env, exports, "instructions", instructions);
  static const char *const map_names[] = {ES_MAP_OPERATIONS_TABLE(ES_MAP_NAME)};
  export_names(env, exports, "mapOperations", map_names, ES_MAP_CODES);
}
