#include "op.h"

#include <stdexcept>

namespace jomed {
namespace {

struct Status {
  TF_Status* status = TF_NewStatus();
  ~Status() { TF_DeleteStatus(status); }
  bool ok() const { return TF_GetCode(status) == TF_OK; }
};

// "x" -> "x: float", "N * weights" -> "weights: N * float"
std::string Argument(const std::string& name) {
  const size_t star = name.find(" * ");
  if (star == std::string::npos) return name + ": float";
  return name.substr(star + 3) + ": " + name.substr(0, star) + " * float";
}

void AnyShape(TF_ShapeInferenceContext* context, TF_Status* status) {
  TF_ShapeInferenceContextSetUnknownShape(context, status);
}

}  // namespace

Input::Input(TF_OpKernelContext* context, int index) {
  Status status;
  TF_GetInput(context, index, &tensor_, status.status);
  data_ = static_cast<const float*>(TF_TensorData(tensor_));
  for (int axis = 0; axis < TF_NumDims(tensor_); axis++) {
    shape_.push_back(TF_Dim(tensor_, axis));
    size_ *= shape_.back();
  }
}

Input::~Input() {
  if (tensor_ != nullptr) TF_DeleteTensor(tensor_);
}

float* Output(TF_OpKernelContext* context, int index, const std::vector<int64_t>& shape) {
  int64_t size = 1;
  for (const int64_t length : shape) size *= length;
  Status status;
  TF_Tensor* tensor = TF_AllocateOutput(context, index, TF_FLOAT, shape.data(), static_cast<int>(shape.size()),
                                        size * sizeof(float), status.status);
  float* data = static_cast<float*>(TF_TensorData(tensor));
  TF_DeleteTensor(tensor);  // the context keeps the memory
  return data;
}

void Refuse(TF_OpKernelContext* context, const char* message) {
  Status status;
  TF_SetStatus(status.status, TF_INVALID_ARGUMENT, message);
  TF_OpKernelContext_Failure(context, status.status);
}

float FloatAttribute(TF_OpKernelConstruction* construction, const char* name) {
  Status status;
  float value = 0;
  TF_OpKernelConstruction_GetAttrFloat(construction, name, &value, status.status);
  return value;
}

int64_t IntAttribute(TF_OpKernelConstruction* construction, const char* name) {
  Status status;
  int64_t value = 0;
  TF_OpKernelConstruction_GetAttrInt64(construction, name, &value, status.status);
  return value;
}

void Register(const OpDefinition& definition) {
  Status status;
  TF_OpDefinitionBuilder* op = TF_NewOpDefinitionBuilder(definition.name);
  for (const char* input : definition.inputs)
    TF_OpDefinitionBuilderAddInput(op, Argument(input).c_str());
  for (const char* output : definition.outputs)
    TF_OpDefinitionBuilderAddOutput(op, Argument(output).c_str());
  for (const char* attribute : definition.attributes) TF_OpDefinitionBuilderAddAttr(op, attribute);
  TF_OpDefinitionBuilderSetShapeInferenceFunction(op, &AnyShape);
  TF_RegisterOpDefinition(op, status.status);
  if (!status.ok()) throw std::runtime_error(TF_Message(status.status));
  TF_KernelBuilder* kernel =
      TF_NewKernelBuilder(definition.name, "CPU", definition.create, definition.compute, definition.destroy);
  TF_RegisterKernelBuilder(definition.name, kernel, status.status);
  if (!status.ok()) throw std::runtime_error(TF_Message(status.status));
}

}  // namespace jomed
