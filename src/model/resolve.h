// Finds the tensors of one parameter in a checkpoint and decides from their dtypes how it is stored, tensor by tensor
// (spec architecture 9.1: "treat the scale dtype per tensor; handle experts of either dtype"). Reads headers only. Also
// tells which published variant a checkpoint is, from its tensors. Pure; any thread.
#pragma once

#include <string>

#include "base/result.h"
#include "model/checkpoint.h"
#include "model/inventory.h"
#include "tensor/matrix.h"

namespace baleen::model {

// Where a parameter lies. Matrices have a format; for vectors and hash tables the tensor's own dtype counts.
struct Resolved {
    const TensorInfo* tensor = nullptr;
    const TensorInfo* scale = nullptr;  // dense and expert storage only
    tensor::WeightFormat format = tensor::WeightFormat::f32;
};

// Errors: corrupt, "<file>: tensor "<name>": found ..., expected ...".
Result<Resolved> resolve(const Checkpoint& checkpoint, const Parameter& parameter, const std::string& prefix);

Form detect_form(const Checkpoint& checkpoint);

}  // namespace baleen::model
