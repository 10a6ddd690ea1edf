# The kernels for NVIDIA GPUs, into the addon. CUDA 13, since that is what ONNX Runtime's provider is built for.
set(DIFFBIR_CUDA AUTO CACHE STRING "Whether to compile for NVIDIA GPUs: AUTO (where nvcc 13 is found), ON or OFF")
set_property(CACHE DIFFBIR_CUDA PROPERTY STRINGS AUTO ON OFF)
set(DIFFBIR_CUDA_ARCHITECTURES "75-real;80-real;86-real;89-real;90-real;100-real;120" CACHE STRING
  "GPUs to compile for, as CMAKE_CUDA_ARCHITECTURES has them; one alone is quicker while developing")

set(cuda_problem "")
if(DIFFBIR_SANITIZE)
  set(cuda_problem "sanitizers are of the host alone")
elseif(DIFFBIR_CUDA)
  include(CheckLanguage)
  check_language(CUDA)
  if(NOT CMAKE_CUDA_COMPILER)
    set(cuda_problem "no nvcc that works is on PATH or in CUDACXX")
  else()
    enable_language(CUDA)
    find_package(CUDAToolkit REQUIRED)
    if(CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 13)
      set(cuda_problem "${CMAKE_CUDA_COMPILER} has version ${CMAKE_CUDA_COMPILER_VERSION}, not 13 or newer")
    endif()
  endif()
else()
  set(cuda_problem "DIFFBIR_CUDA is ${DIFFBIR_CUDA}")
endif()
if(cuda_problem)
  if(DIFFBIR_CUDA STREQUAL "ON")
    message(FATAL_ERROR "Cannot build with CUDA: ${cuda_problem}")
  endif()
  message(STATUS "Without CUDA: ${cuda_problem}")
  return()
endif()
message(STATUS "With CUDA ${CMAKE_CUDA_COMPILER_VERSION} for ${DIFFBIR_CUDA_ARCHITECTURES}")

file(STRINGS native/cuda_sources.txt cuda_sources REGEX "^native/.*\\.(cpp|cu)$")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS native/cuda_sources.txt)
set(twin_sources ${cuda_sources})
list(FILTER twin_sources INCLUDE REGEX "^native/cuda/twins/")
list(FILTER cuda_sources EXCLUDE REGEX "^native/cuda/twins/")
target_sources(diffbir PRIVATE ${cuda_sources})
target_compile_definitions(diffbir PRIVATE DIFFBIR_CUDA)
list(JOIN DIFFBIR_CUDA_ARCHITECTURES "," architectures)
set_property(SOURCE native/cuda/probe.cpp APPEND PROPERTY COMPILE_DEFINITIONS
  "DIFFBIR_CUDA_ARCHITECTURES=\"${architectures}\"")
# C++17 in .cu files: CMake before 3.26 knows of no other for nvcc.
set_target_properties(diffbir PROPERTIES CUDA_STANDARD 17 CUDA_STANDARD_REQUIRED ON CUDA_EXTENSIONS OFF
  CUDA_ARCHITECTURES "${DIFFBIR_CUDA_ARCHITECTURES}" CUDA_VISIBILITY_PRESET hidden)
# No fused multiply-adds, as on the host: the same functions shall give the same bits. Every driver for CUDA 13 can
# unpack the smaller form, a fifth of the size.
target_compile_options(diffbir PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:--fmad=false;--compress-mode=size>")
# Static, so that the addon loads where there is no CUDA; it opens the driver when it is first asked for a device.
target_link_libraries(diffbir PRIVATE CUDA::cudart_static)

# Every kernel against its host twin, which needs a GPU: the addon's own objects, linked once more.
set(objects_of_twins
  "$<FILTER:$<TARGET_OBJECTS:diffbir>,INCLUDE,/native/(core|cuda|diffusion|imaging)/|/runtime/group_norm_math>")
add_executable(gpu_twins ${twin_sources} ${objects_of_twins})
foreach(property INCLUDE_DIRECTORIES COMPILE_DEFINITIONS COMPILE_OPTIONS)
  set_property(TARGET gpu_twins PROPERTY ${property} "$<TARGET_PROPERTY:diffbir,${property}>")
endforeach()
target_link_libraries(gpu_twins PRIVATE CUDA::cudart_static Threads::Threads)
