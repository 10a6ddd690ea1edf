# For test/rehearsal: CUDA's libraries without a GPU, and the shipped addon's own objects linked with them, but for
# the kernels.
option(DIFFBIR_REHEARSAL "Also link the addon of the GPU rehearsal into rehearsal/ of the build folder (Linux, with nvcc)" OFF)
if(NOT DIFFBIR_REHEARSAL)
  return()
endif()
if(NOT TARGET gpu_twins)
  message(FATAL_ERROR "Cannot rehearse a GPU: this build is without CUDA")
endif()
set(rehearsal_folder "${CMAKE_BINARY_DIR}/rehearsal")

# lib<name>.so.<version>, with the version in its symbols that the provider asks for.
function(rehearsal_library name version)
  add_library(rehearsal_${name} SHARED ${ARGN})
  file(WRITE "${rehearsal_folder}/${name}.map" "lib${name}.so.${version} { global: *; };\n")
  set_target_properties(rehearsal_${name} PROPERTIES OUTPUT_NAME ${name} SUFFIX ".so.${version}" NO_SONAME ON
    CXX_VISIBILITY_PRESET default LIBRARY_OUTPUT_DIRECTORY "${rehearsal_folder}")
  target_include_directories(rehearsal_${name} PRIVATE native)
  target_compile_options(rehearsal_${name} PRIVATE -Wall -Wextra)
  target_link_options(rehearsal_${name} PRIVATE "-Wl,-soname,lib${name}.so.${version}"
    "-Wl,--version-script=${rehearsal_folder}/${name}.map")
endfunction()

rehearsal_library(cudart 13 native/rehearsal/device.cpp native/rehearsal/memory.cpp native/rehearsal/state.cpp
  native/rehearsal/work.cpp)
target_include_directories(rehearsal_cudart SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
rehearsal_library(cublas 13 native/rehearsal/cublas.cpp)
rehearsal_library(cublasLt 13 native/rehearsal/cublas_lt.cpp)
rehearsal_library(cudnn 9 native/rehearsal/cudnn.cpp)
rehearsal_library(curand 10 native/rehearsal/empty.cpp)
rehearsal_library(cuda 1 native/rehearsal/empty.cpp)
target_link_libraries(rehearsal_cublas PRIVATE rehearsal_cudart)
target_link_libraries(rehearsal_cudnn PRIVATE rehearsal_cudart)

# Our kernels as C++, for a GPU that computes. What a GPU refuses, as a load at a place that is no multiple of its size,
# ends the process with a message.
add_library(rehearsal_kernels OBJECT native/rehearsal/kernels/blocks.cpp)
set(kernel_sources ${cuda_sources})
list(FILTER kernel_sources INCLUDE REGEX "\\.cu$")
foreach(source ${kernel_sources})
  string(REPLACE "/" "_" name "${source}")
  file(CONFIGURE OUTPUT "${rehearsal_folder}/kernels/${name}.cpp" CONTENT "#include \"${CMAKE_SOURCE_DIR}/${source}\"\n")
  target_sources(rehearsal_kernels PRIVATE "${rehearsal_folder}/kernels/${name}.cpp")
endforeach()
set_target_properties(rehearsal_kernels PROPERTIES POSITION_INDEPENDENT_CODE ON)
target_include_directories(rehearsal_kernels BEFORE PRIVATE native/rehearsal/kernels native)
target_include_directories(rehearsal_kernels SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
set(undefined_behaviour -fsanitize=undefined -fno-sanitize-recover=undefined)
# As nvcc takes them: vectors are looked at as halves, and pragmas for it mean nothing here.
target_compile_options(rehearsal_kernels PRIVATE -Wall -Wextra -ffp-contract=off
  -fno-strict-aliasing -Wno-unknown-pragmas ${undefined_behaviour})

# gpu_twins on a GPU that computes.
add_executable(rehearsal_twins native/rehearsal/kernels/twins.cpp $<TARGET_OBJECTS:rehearsal_kernels>
  $<TARGET_OBJECTS:gpu_twins>
  "$<FILTER:${objects_of_twins},EXCLUDE,[.]cu[.]o$>")
set_target_properties(rehearsal_twins PROPERTIES OUTPUT_NAME twins RUNTIME_OUTPUT_DIRECTORY "${rehearsal_folder}")
target_include_directories(rehearsal_twins PRIVATE native)
target_include_directories(rehearsal_twins SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
target_link_libraries(rehearsal_twins PRIVATE rehearsal_cudart Threads::Threads)
target_link_options(rehearsal_twins PRIVATE ${undefined_behaviour})

add_library(rehearsal SHARED native/rehearsal/door.cpp native/rehearsal/operators.cpp
  native/faults/api_table.cpp $<TARGET_OBJECTS:rehearsal_kernels>
  "$<FILTER:$<TARGET_OBJECTS:diffbir>,EXCLUDE,[.]cu[.]o$>")
set_target_properties(rehearsal PROPERTIES PREFIX "" OUTPUT_NAME diffbir SUFFIX ".node"
  LIBRARY_OUTPUT_DIRECTORY "${rehearsal_folder}" CUDA_RUNTIME_LIBRARY None)
foreach(property INCLUDE_DIRECTORIES COMPILE_DEFINITIONS COMPILE_OPTIONS LINK_OPTIONS LINK_DEPENDS)
  set_property(TARGET rehearsal PROPERTY ${property} "$<TARGET_PROPERTY:diffbir,${property}>")
endforeach()
target_include_directories(rehearsal SYSTEM PRIVATE ${CUDAToolkit_INCLUDE_DIRS})
target_link_libraries(rehearsal PRIVATE rehearsal_cudart ${CMAKE_JS_LIB} ${CMAKE_DL_LIBS} Threads::Threads)
target_link_options(rehearsal PRIVATE ${undefined_behaviour} "-Wl,--wrap=dlsym"
  "-Wl,--wrap=_ZN7diffbir15make_primitivesEN4Napi3EnvE")
