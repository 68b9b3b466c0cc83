// The entries every vector set of full width provides. Included inside the namespace of a set by its header.

void matmul_fp8(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                std::int64_t y_stride, bool round, Scratch& scratch);
void matmul_fp4(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                std::int64_t y_stride, bool round, Scratch& scratch);
void matmul_bf16(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                 std::int64_t y_stride, bool round, Scratch& scratch);
void matmul_f32(const tensor::MatrixView& w, const Rows& x, std::int64_t row_begin, std::int64_t row_end, float* y,
                std::int64_t y_stride, bool round, Scratch& scratch);
void round_bf16(float* x, std::int64_t n);
void narrow_bf16(const float* x, std::int64_t n, std::uint16_t* out);
void quantise_fp8(const float* x, std::int64_t n, int group, float* out);
void pack_entry(const float* x, const tensor::EntryLayout& layout, std::uint8_t* out);
void unpack_entry(const std::uint8_t* entry, const tensor::EntryLayout& layout, float* out);
void pack_key(const float* x, const tensor::KeyLayout& layout, std::uint8_t* out);
void unpack_key(const std::uint8_t* key, const tensor::KeyLayout& layout, float* out);
void rms_norm(const float* x, const float* w, std::int64_t n, float eps, float* out, bool round);
void head_norm(const float* x, std::int64_t n, float eps, float* out, bool round);
void rope(float* x, int pairs, const float* cos, const float* sin, bool inverse, bool round);
void hadamard(float* x, int n, bool round);
float sum_squares(const float* x, std::int64_t n);
void swiglu(const float* gate, const float* up, std::int64_t n, float limit, float weight, float* out, bool round);
void hc_collapse(const float* streams, const float* pre, int hc, std::int64_t n, float* out, bool round);
void hc_expand(float* streams, const float* v, const float* post, const float* comb, int hc, std::int64_t n,
               bool round);
void add(float* acc, const float* x, std::int64_t n);
void pool(const float* const* value, const float* const* gate, int count, std::int64_t n, float* out);
void attend(const Attend& work, Scratch& scratch);
void index_scores(const IndexScore& work, Scratch& scratch);
std::int64_t find_not_below(const float* x, std::int64_t n, float least, std::int32_t first, std::int32_t* out);
