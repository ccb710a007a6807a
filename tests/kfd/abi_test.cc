// Our own definition of the KFD ABI against the kernel's header. Goal: no number, size or offset of
// ours differs from it. All of it happens when this file is compiled.
#include "backends/kfd/abi.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>

#if __has_include(<drm/drm.h>) && __has_include(<linux/kfd_ioctl.h>)
#include <linux/kfd_ioctl.h>
#if KFD_IOCTL_MAJOR_VERSION == 1 && KFD_IOCTL_MINOR_VERSION >= 13
#define GPREEMPT_TEST_ABI_COMPARED
#endif
#endif

#ifdef GPREEMPT_TEST_ABI_COMPARED

namespace gpreempt::kfd::abi {
namespace {

#define SAME_SIZE(ours, theirs) static_assert(sizeof(ours) == sizeof(struct theirs))
#define SAME_MEMBER(ours, member, theirs, member_of_theirs)                            \
  static_assert(offsetof(ours, member) == offsetof(struct theirs, member_of_theirs) && \
                sizeof(ours::member) == sizeof(theirs::member_of_theirs))
#define SAME_NUMBER(ours, theirs) \
  static_assert(static_cast<std::uint64_t>(ours) == static_cast<std::uint64_t>(theirs))

SAME_SIZE(Version, kfd_ioctl_get_version_args);
SAME_MEMBER(Version, major_version, kfd_ioctl_get_version_args, major_version);
SAME_MEMBER(Version, minor_version, kfd_ioctl_get_version_args, minor_version);

SAME_SIZE(ClockCounters, kfd_ioctl_get_clock_counters_args);
SAME_MEMBER(ClockCounters, gpu_clock_counter, kfd_ioctl_get_clock_counters_args, gpu_clock_counter);
SAME_MEMBER(ClockCounters, cpu_clock_counter, kfd_ioctl_get_clock_counters_args, cpu_clock_counter);
SAME_MEMBER(ClockCounters, system_clock_counter, kfd_ioctl_get_clock_counters_args,
            system_clock_counter);
SAME_MEMBER(ClockCounters, system_clock_freq, kfd_ioctl_get_clock_counters_args, system_clock_freq);
SAME_MEMBER(ClockCounters, gpu_id, kfd_ioctl_get_clock_counters_args, gpu_id);

SAME_SIZE(DestroyQueue, kfd_ioctl_destroy_queue_args);
SAME_MEMBER(DestroyQueue, queue_id, kfd_ioctl_destroy_queue_args, queue_id);

SAME_SIZE(UpdateQueue, kfd_ioctl_update_queue_args);
SAME_MEMBER(UpdateQueue, ring_base_address, kfd_ioctl_update_queue_args, ring_base_address);
SAME_MEMBER(UpdateQueue, queue_id, kfd_ioctl_update_queue_args, queue_id);
SAME_MEMBER(UpdateQueue, ring_size, kfd_ioctl_update_queue_args, ring_size);
SAME_MEMBER(UpdateQueue, queue_percentage, kfd_ioctl_update_queue_args, queue_percentage);
SAME_MEMBER(UpdateQueue, queue_priority, kfd_ioctl_update_queue_args, queue_priority);

SAME_SIZE(SetCuMask, kfd_ioctl_set_cu_mask_args);
SAME_MEMBER(SetCuMask, queue_id, kfd_ioctl_set_cu_mask_args, queue_id);
SAME_MEMBER(SetCuMask, num_cu_mask, kfd_ioctl_set_cu_mask_args, num_cu_mask);
SAME_MEMBER(SetCuMask, cu_mask_ptr, kfd_ioctl_set_cu_mask_args, cu_mask_ptr);

SAME_SIZE(QueueWaveState, kfd_ioctl_get_queue_wave_state_args);
SAME_MEMBER(QueueWaveState, ctl_stack_address, kfd_ioctl_get_queue_wave_state_args,
            ctl_stack_address);
SAME_MEMBER(QueueWaveState, ctl_stack_used_size, kfd_ioctl_get_queue_wave_state_args,
            ctl_stack_used_size);
SAME_MEMBER(QueueWaveState, save_area_used_size, kfd_ioctl_get_queue_wave_state_args,
            save_area_used_size);
SAME_MEMBER(QueueWaveState, queue_id, kfd_ioctl_get_queue_wave_state_args, queue_id);

SAME_SIZE(ProcessApertures, kfd_ioctl_get_process_apertures_new_args);
SAME_MEMBER(ProcessApertures, apertures_ptr, kfd_ioctl_get_process_apertures_new_args,
            kfd_process_device_apertures_ptr);
SAME_MEMBER(ProcessApertures, num_of_nodes, kfd_ioctl_get_process_apertures_new_args, num_of_nodes);

SAME_SIZE(AcquireVm, kfd_ioctl_acquire_vm_args);
SAME_MEMBER(AcquireVm, drm_fd, kfd_ioctl_acquire_vm_args, drm_fd);
SAME_MEMBER(AcquireVm, gpu_id, kfd_ioctl_acquire_vm_args, gpu_id);

SAME_SIZE(XnackMode, kfd_ioctl_set_xnack_mode_args);
SAME_MEMBER(XnackMode, xnack_enabled, kfd_ioctl_set_xnack_mode_args, xnack_enabled);

SAME_SIZE(RuntimeEnable, kfd_ioctl_runtime_enable_args);
SAME_MEMBER(RuntimeEnable, r_debug, kfd_ioctl_runtime_enable_args, r_debug);
SAME_MEMBER(RuntimeEnable, mode_mask, kfd_ioctl_runtime_enable_args, mode_mask);
SAME_MEMBER(RuntimeEnable, capabilities_mask, kfd_ioctl_runtime_enable_args, capabilities_mask);

SAME_SIZE(RuntimeInfo, kfd_runtime_info);
SAME_MEMBER(RuntimeInfo, r_debug, kfd_runtime_info, r_debug);
SAME_MEMBER(RuntimeInfo, runtime_state, kfd_runtime_info, runtime_state);
SAME_MEMBER(RuntimeInfo, ttmp_setup, kfd_runtime_info, ttmp_setup);

SAME_SIZE(SmiEvents, kfd_ioctl_smi_events_args);
SAME_MEMBER(SmiEvents, gpu_id, kfd_ioctl_smi_events_args, gpuid);
SAME_MEMBER(SmiEvents, anon_fd, kfd_ioctl_smi_events_args, anon_fd);

SAME_SIZE(Criu, kfd_ioctl_criu_args);
SAME_MEMBER(Criu, devices, kfd_ioctl_criu_args, devices);
SAME_MEMBER(Criu, bos, kfd_ioctl_criu_args, bos);
SAME_MEMBER(Criu, priv_data, kfd_ioctl_criu_args, priv_data);
SAME_MEMBER(Criu, priv_data_size, kfd_ioctl_criu_args, priv_data_size);
SAME_MEMBER(Criu, num_devices, kfd_ioctl_criu_args, num_devices);
SAME_MEMBER(Criu, num_bos, kfd_ioctl_criu_args, num_bos);
SAME_MEMBER(Criu, num_objects, kfd_ioctl_criu_args, num_objects);
SAME_MEMBER(Criu, pid, kfd_ioctl_criu_args, pid);
SAME_MEMBER(Criu, op, kfd_ioctl_criu_args, op);

SAME_SIZE(TrapEnable, kfd_ioctl_dbg_trap_enable_args);
SAME_MEMBER(TrapEnable, exception_mask, kfd_ioctl_dbg_trap_enable_args, exception_mask);
SAME_MEMBER(TrapEnable, rinfo_ptr, kfd_ioctl_dbg_trap_enable_args, rinfo_ptr);
SAME_MEMBER(TrapEnable, rinfo_size, kfd_ioctl_dbg_trap_enable_args, rinfo_size);
SAME_MEMBER(TrapEnable, dbg_fd, kfd_ioctl_dbg_trap_enable_args, dbg_fd);

SAME_SIZE(TrapSendRuntimeEvent, kfd_ioctl_dbg_trap_send_runtime_event_args);
SAME_MEMBER(TrapSendRuntimeEvent, exception_mask, kfd_ioctl_dbg_trap_send_runtime_event_args,
            exception_mask);
SAME_MEMBER(TrapSendRuntimeEvent, gpu_id, kfd_ioctl_dbg_trap_send_runtime_event_args, gpu_id);
SAME_MEMBER(TrapSendRuntimeEvent, queue_id, kfd_ioctl_dbg_trap_send_runtime_event_args, queue_id);

SAME_SIZE(TrapSetExceptions, kfd_ioctl_dbg_trap_set_exceptions_enabled_args);
SAME_MEMBER(TrapSetExceptions, exception_mask, kfd_ioctl_dbg_trap_set_exceptions_enabled_args,
            exception_mask);

SAME_SIZE(TrapLaunchOverride, kfd_ioctl_dbg_trap_set_wave_launch_override_args);
SAME_MEMBER(TrapLaunchOverride, override_mode, kfd_ioctl_dbg_trap_set_wave_launch_override_args,
            override_mode);
SAME_MEMBER(TrapLaunchOverride, enable_mask, kfd_ioctl_dbg_trap_set_wave_launch_override_args,
            enable_mask);
SAME_MEMBER(TrapLaunchOverride, support_request_mask,
            kfd_ioctl_dbg_trap_set_wave_launch_override_args, support_request_mask);

SAME_SIZE(TrapLaunchMode, kfd_ioctl_dbg_trap_set_wave_launch_mode_args);
SAME_MEMBER(TrapLaunchMode, launch_mode, kfd_ioctl_dbg_trap_set_wave_launch_mode_args, launch_mode);

SAME_SIZE(TrapSuspend, kfd_ioctl_dbg_trap_suspend_queues_args);
SAME_MEMBER(TrapSuspend, exception_mask, kfd_ioctl_dbg_trap_suspend_queues_args, exception_mask);
SAME_MEMBER(TrapSuspend, queue_array_ptr, kfd_ioctl_dbg_trap_suspend_queues_args, queue_array_ptr);
SAME_MEMBER(TrapSuspend, num_queues, kfd_ioctl_dbg_trap_suspend_queues_args, num_queues);
SAME_MEMBER(TrapSuspend, grace_period, kfd_ioctl_dbg_trap_suspend_queues_args, grace_period);

SAME_SIZE(TrapResume, kfd_ioctl_dbg_trap_resume_queues_args);
SAME_MEMBER(TrapResume, queue_array_ptr, kfd_ioctl_dbg_trap_resume_queues_args, queue_array_ptr);
SAME_MEMBER(TrapResume, num_queues, kfd_ioctl_dbg_trap_resume_queues_args, num_queues);

SAME_SIZE(TrapSetWatch, kfd_ioctl_dbg_trap_set_node_address_watch_args);
SAME_MEMBER(TrapSetWatch, address, kfd_ioctl_dbg_trap_set_node_address_watch_args, address);
SAME_MEMBER(TrapSetWatch, mode, kfd_ioctl_dbg_trap_set_node_address_watch_args, mode);
SAME_MEMBER(TrapSetWatch, mask, kfd_ioctl_dbg_trap_set_node_address_watch_args, mask);
SAME_MEMBER(TrapSetWatch, gpu_id, kfd_ioctl_dbg_trap_set_node_address_watch_args, gpu_id);
SAME_MEMBER(TrapSetWatch, id, kfd_ioctl_dbg_trap_set_node_address_watch_args, id);

SAME_SIZE(TrapClearWatch, kfd_ioctl_dbg_trap_clear_node_address_watch_args);
SAME_MEMBER(TrapClearWatch, gpu_id, kfd_ioctl_dbg_trap_clear_node_address_watch_args, gpu_id);
SAME_MEMBER(TrapClearWatch, id, kfd_ioctl_dbg_trap_clear_node_address_watch_args, id);

SAME_SIZE(TrapSetFlags, kfd_ioctl_dbg_trap_set_flags_args);
SAME_MEMBER(TrapSetFlags, flags, kfd_ioctl_dbg_trap_set_flags_args, flags);

SAME_SIZE(TrapQueryEvent, kfd_ioctl_dbg_trap_query_debug_event_args);
SAME_MEMBER(TrapQueryEvent, exception_mask, kfd_ioctl_dbg_trap_query_debug_event_args,
            exception_mask);
SAME_MEMBER(TrapQueryEvent, gpu_id, kfd_ioctl_dbg_trap_query_debug_event_args, gpu_id);
SAME_MEMBER(TrapQueryEvent, queue_id, kfd_ioctl_dbg_trap_query_debug_event_args, queue_id);

SAME_SIZE(TrapExceptionInfo, kfd_ioctl_dbg_trap_query_exception_info_args);
SAME_MEMBER(TrapExceptionInfo, info_ptr, kfd_ioctl_dbg_trap_query_exception_info_args, info_ptr);
SAME_MEMBER(TrapExceptionInfo, info_size, kfd_ioctl_dbg_trap_query_exception_info_args, info_size);
SAME_MEMBER(TrapExceptionInfo, source_id, kfd_ioctl_dbg_trap_query_exception_info_args, source_id);
SAME_MEMBER(TrapExceptionInfo, exception_code, kfd_ioctl_dbg_trap_query_exception_info_args,
            exception_code);
SAME_MEMBER(TrapExceptionInfo, clear_exception, kfd_ioctl_dbg_trap_query_exception_info_args,
            clear_exception);

SAME_SIZE(TrapQueueSnapshot, kfd_ioctl_dbg_trap_queue_snapshot_args);
SAME_MEMBER(TrapQueueSnapshot, exception_mask, kfd_ioctl_dbg_trap_queue_snapshot_args,
            exception_mask);
SAME_MEMBER(TrapQueueSnapshot, snapshot_buf_ptr, kfd_ioctl_dbg_trap_queue_snapshot_args,
            snapshot_buf_ptr);
SAME_MEMBER(TrapQueueSnapshot, num_queues, kfd_ioctl_dbg_trap_queue_snapshot_args, num_queues);
SAME_MEMBER(TrapQueueSnapshot, entry_size, kfd_ioctl_dbg_trap_queue_snapshot_args, entry_size);

SAME_SIZE(TrapDeviceSnapshot, kfd_ioctl_dbg_trap_device_snapshot_args);
SAME_MEMBER(TrapDeviceSnapshot, exception_mask, kfd_ioctl_dbg_trap_device_snapshot_args,
            exception_mask);
SAME_MEMBER(TrapDeviceSnapshot, snapshot_buf_ptr, kfd_ioctl_dbg_trap_device_snapshot_args,
            snapshot_buf_ptr);
SAME_MEMBER(TrapDeviceSnapshot, num_devices, kfd_ioctl_dbg_trap_device_snapshot_args, num_devices);
SAME_MEMBER(TrapDeviceSnapshot, entry_size, kfd_ioctl_dbg_trap_device_snapshot_args, entry_size);

SAME_SIZE(TrapArgs, kfd_ioctl_dbg_trap_args);
SAME_MEMBER(TrapArgs, pid, kfd_ioctl_dbg_trap_args, pid);
SAME_MEMBER(TrapArgs, op, kfd_ioctl_dbg_trap_args, op);
SAME_MEMBER(TrapArgs, enable, kfd_ioctl_dbg_trap_args, enable);
SAME_MEMBER(TrapArgs, send_runtime_event, kfd_ioctl_dbg_trap_args, send_runtime_event);
SAME_MEMBER(TrapArgs, set_exceptions, kfd_ioctl_dbg_trap_args, set_exceptions_enabled);
SAME_MEMBER(TrapArgs, launch_override, kfd_ioctl_dbg_trap_args, launch_override);
SAME_MEMBER(TrapArgs, launch_mode, kfd_ioctl_dbg_trap_args, launch_mode);
SAME_MEMBER(TrapArgs, suspend, kfd_ioctl_dbg_trap_args, suspend_queues);
SAME_MEMBER(TrapArgs, resume, kfd_ioctl_dbg_trap_args, resume_queues);
SAME_MEMBER(TrapArgs, set_watch, kfd_ioctl_dbg_trap_args, set_node_address_watch);
SAME_MEMBER(TrapArgs, clear_watch, kfd_ioctl_dbg_trap_args, clear_node_address_watch);
SAME_MEMBER(TrapArgs, set_flags, kfd_ioctl_dbg_trap_args, set_flags);
SAME_MEMBER(TrapArgs, query_event, kfd_ioctl_dbg_trap_args, query_debug_event);
SAME_MEMBER(TrapArgs, exception_info, kfd_ioctl_dbg_trap_args, query_exception_info);
SAME_MEMBER(TrapArgs, snapshot, kfd_ioctl_dbg_trap_args, queue_snapshot);
SAME_MEMBER(TrapArgs, device_snapshot, kfd_ioctl_dbg_trap_args, device_snapshot);

SAME_SIZE(QueueSnapshotEntry, kfd_queue_snapshot_entry);
SAME_MEMBER(QueueSnapshotEntry, exception_status, kfd_queue_snapshot_entry, exception_status);
SAME_MEMBER(QueueSnapshotEntry, ring_base_address, kfd_queue_snapshot_entry, ring_base_address);
SAME_MEMBER(QueueSnapshotEntry, write_pointer_address, kfd_queue_snapshot_entry,
            write_pointer_address);
SAME_MEMBER(QueueSnapshotEntry, read_pointer_address, kfd_queue_snapshot_entry,
            read_pointer_address);
SAME_MEMBER(QueueSnapshotEntry, ctx_save_restore_address, kfd_queue_snapshot_entry,
            ctx_save_restore_address);
SAME_MEMBER(QueueSnapshotEntry, queue_id, kfd_queue_snapshot_entry, queue_id);
SAME_MEMBER(QueueSnapshotEntry, gpu_id, kfd_queue_snapshot_entry, gpu_id);
SAME_MEMBER(QueueSnapshotEntry, ring_size, kfd_queue_snapshot_entry, ring_size);
SAME_MEMBER(QueueSnapshotEntry, queue_type, kfd_queue_snapshot_entry, queue_type);
SAME_MEMBER(QueueSnapshotEntry, ctx_save_restore_area_size, kfd_queue_snapshot_entry,
            ctx_save_restore_area_size);

SAME_SIZE(DeviceSnapshotEntry, kfd_dbg_device_info_entry);
SAME_MEMBER(DeviceSnapshotEntry, exception_status, kfd_dbg_device_info_entry, exception_status);
SAME_MEMBER(DeviceSnapshotEntry, lds_base, kfd_dbg_device_info_entry, lds_base);
SAME_MEMBER(DeviceSnapshotEntry, lds_limit, kfd_dbg_device_info_entry, lds_limit);
SAME_MEMBER(DeviceSnapshotEntry, scratch_base, kfd_dbg_device_info_entry, scratch_base);
SAME_MEMBER(DeviceSnapshotEntry, scratch_limit, kfd_dbg_device_info_entry, scratch_limit);
SAME_MEMBER(DeviceSnapshotEntry, gpuvm_base, kfd_dbg_device_info_entry, gpuvm_base);
SAME_MEMBER(DeviceSnapshotEntry, gpuvm_limit, kfd_dbg_device_info_entry, gpuvm_limit);
SAME_MEMBER(DeviceSnapshotEntry, gpu_id, kfd_dbg_device_info_entry, gpu_id);
SAME_MEMBER(DeviceSnapshotEntry, location_id, kfd_dbg_device_info_entry, location_id);
SAME_MEMBER(DeviceSnapshotEntry, vendor_id, kfd_dbg_device_info_entry, vendor_id);
SAME_MEMBER(DeviceSnapshotEntry, device_id, kfd_dbg_device_info_entry, device_id);
SAME_MEMBER(DeviceSnapshotEntry, revision_id, kfd_dbg_device_info_entry, revision_id);
SAME_MEMBER(DeviceSnapshotEntry, subsystem_vendor_id, kfd_dbg_device_info_entry,
            subsystem_vendor_id);
SAME_MEMBER(DeviceSnapshotEntry, subsystem_device_id, kfd_dbg_device_info_entry,
            subsystem_device_id);
SAME_MEMBER(DeviceSnapshotEntry, fw_version, kfd_dbg_device_info_entry, fw_version);
SAME_MEMBER(DeviceSnapshotEntry, gfx_target_version, kfd_dbg_device_info_entry, gfx_target_version);
SAME_MEMBER(DeviceSnapshotEntry, simd_count, kfd_dbg_device_info_entry, simd_count);
SAME_MEMBER(DeviceSnapshotEntry, max_waves_per_simd, kfd_dbg_device_info_entry, max_waves_per_simd);
SAME_MEMBER(DeviceSnapshotEntry, array_count, kfd_dbg_device_info_entry, array_count);
SAME_MEMBER(DeviceSnapshotEntry, simd_arrays_per_engine, kfd_dbg_device_info_entry,
            simd_arrays_per_engine);
SAME_MEMBER(DeviceSnapshotEntry, num_xcc, kfd_dbg_device_info_entry, num_xcc);
SAME_MEMBER(DeviceSnapshotEntry, capability, kfd_dbg_device_info_entry, capability);
SAME_MEMBER(DeviceSnapshotEntry, debug_prop, kfd_dbg_device_info_entry, debug_prop);

SAME_MEMBER(CreateQueue, ring_base_address, kfd_ioctl_create_queue_args, ring_base_address);
SAME_MEMBER(CreateQueue, write_pointer_address, kfd_ioctl_create_queue_args, write_pointer_address);
SAME_MEMBER(CreateQueue, read_pointer_address, kfd_ioctl_create_queue_args, read_pointer_address);
SAME_MEMBER(CreateQueue, doorbell_offset, kfd_ioctl_create_queue_args, doorbell_offset);
SAME_MEMBER(CreateQueue, ring_size, kfd_ioctl_create_queue_args, ring_size);
SAME_MEMBER(CreateQueue, gpu_id, kfd_ioctl_create_queue_args, gpu_id);
SAME_MEMBER(CreateQueue, queue_type, kfd_ioctl_create_queue_args, queue_type);
SAME_MEMBER(CreateQueue, queue_percentage, kfd_ioctl_create_queue_args, queue_percentage);
SAME_MEMBER(CreateQueue, queue_priority, kfd_ioctl_create_queue_args, queue_priority);
SAME_MEMBER(CreateQueue, queue_id, kfd_ioctl_create_queue_args, queue_id);
SAME_MEMBER(CreateQueue, eop_buffer_address, kfd_ioctl_create_queue_args, eop_buffer_address);
SAME_MEMBER(CreateQueue, eop_buffer_size, kfd_ioctl_create_queue_args, eop_buffer_size);
SAME_MEMBER(CreateQueue, ctx_save_restore_address, kfd_ioctl_create_queue_args,
            ctx_save_restore_address);
SAME_MEMBER(CreateQueue, ctx_save_restore_size, kfd_ioctl_create_queue_args, ctx_save_restore_size);
SAME_MEMBER(CreateQueue, ctl_stack_size, kfd_ioctl_create_queue_args, ctl_stack_size);
#if KFD_IOCTL_MINOR_VERSION >= 17
SAME_SIZE(CreateQueue, kfd_ioctl_create_queue_args);
SAME_MEMBER(CreateQueue, sdma_engine_id, kfd_ioctl_create_queue_args, sdma_engine_id);
SAME_NUMBER(kCreateQueue, AMDKFD_IOC_CREATE_QUEUE);
#else
static_assert(sizeof(kfd_ioctl_create_queue_args) == kCreateQueueBytesBefore17);
#endif

SAME_NUMBER(kGetVersion, AMDKFD_IOC_GET_VERSION);
SAME_NUMBER(kDestroyQueue, AMDKFD_IOC_DESTROY_QUEUE);
SAME_NUMBER(kGetClockCounters, AMDKFD_IOC_GET_CLOCK_COUNTERS);
SAME_NUMBER(kUpdateQueue, AMDKFD_IOC_UPDATE_QUEUE);
SAME_NUMBER(kGetProcessApertures, AMDKFD_IOC_GET_PROCESS_APERTURES_NEW);
SAME_NUMBER(kAcquireVm, AMDKFD_IOC_ACQUIRE_VM);
SAME_NUMBER(kSetXnackMode, AMDKFD_IOC_SET_XNACK_MODE);
SAME_NUMBER(kSetCuMask, AMDKFD_IOC_SET_CU_MASK);
SAME_NUMBER(kGetQueueWaveState, AMDKFD_IOC_GET_QUEUE_WAVE_STATE);
SAME_NUMBER(kSmiEvents, AMDKFD_IOC_SMI_EVENTS);
SAME_NUMBER(kCriuOp, AMDKFD_IOC_CRIU_OP);
SAME_NUMBER(kRuntimeEnable, AMDKFD_IOC_RUNTIME_ENABLE);
SAME_NUMBER(kDbgTrap, AMDKFD_IOC_DBG_TRAP);

SAME_NUMBER(TrapOp::kEnable, KFD_IOC_DBG_TRAP_ENABLE);
SAME_NUMBER(TrapOp::kDisable, KFD_IOC_DBG_TRAP_DISABLE);
SAME_NUMBER(TrapOp::kSendRuntimeEvent, KFD_IOC_DBG_TRAP_SEND_RUNTIME_EVENT);
SAME_NUMBER(TrapOp::kSetExceptionsEnabled, KFD_IOC_DBG_TRAP_SET_EXCEPTIONS_ENABLED);
SAME_NUMBER(TrapOp::kSetWaveLaunchOverride, KFD_IOC_DBG_TRAP_SET_WAVE_LAUNCH_OVERRIDE);
SAME_NUMBER(TrapOp::kSetWaveLaunchMode, KFD_IOC_DBG_TRAP_SET_WAVE_LAUNCH_MODE);
SAME_NUMBER(TrapOp::kSuspendQueues, KFD_IOC_DBG_TRAP_SUSPEND_QUEUES);
SAME_NUMBER(TrapOp::kResumeQueues, KFD_IOC_DBG_TRAP_RESUME_QUEUES);
SAME_NUMBER(TrapOp::kSetNodeAddressWatch, KFD_IOC_DBG_TRAP_SET_NODE_ADDRESS_WATCH);
SAME_NUMBER(TrapOp::kClearNodeAddressWatch, KFD_IOC_DBG_TRAP_CLEAR_NODE_ADDRESS_WATCH);
SAME_NUMBER(TrapOp::kSetFlags, KFD_IOC_DBG_TRAP_SET_FLAGS);
SAME_NUMBER(TrapOp::kQueryDebugEvent, KFD_IOC_DBG_TRAP_QUERY_DEBUG_EVENT);
SAME_NUMBER(TrapOp::kQueryExceptionInfo, KFD_IOC_DBG_TRAP_QUERY_EXCEPTION_INFO);
SAME_NUMBER(TrapOp::kGetQueueSnapshot, KFD_IOC_DBG_TRAP_GET_QUEUE_SNAPSHOT);
SAME_NUMBER(TrapOp::kGetDeviceSnapshot, KFD_IOC_DBG_TRAP_GET_DEVICE_SNAPSHOT);

SAME_NUMBER(RuntimeState::kDisabled, DEBUG_RUNTIME_STATE_DISABLED);
SAME_NUMBER(RuntimeState::kEnabled, DEBUG_RUNTIME_STATE_ENABLED);
SAME_NUMBER(RuntimeState::kEnabledBusy, DEBUG_RUNTIME_STATE_ENABLED_BUSY);
SAME_NUMBER(RuntimeState::kEnabledError, DEBUG_RUNTIME_STATE_ENABLED_ERROR);
SAME_NUMBER(QueueKind::kCompute, KFD_IOC_QUEUE_TYPE_COMPUTE);
SAME_NUMBER(QueueKind::kSdma, KFD_IOC_QUEUE_TYPE_SDMA);
SAME_NUMBER(QueueKind::kComputeAql, KFD_IOC_QUEUE_TYPE_COMPUTE_AQL);
SAME_NUMBER(QueueKind::kSdmaXgmi, KFD_IOC_QUEUE_TYPE_SDMA_XGMI);
SAME_NUMBER(kRuntimeModeEnable, KFD_RUNTIME_ENABLE_MODE_ENABLE_MASK);
SAME_NUMBER(kRuntimeModeTtmpSave, KFD_RUNTIME_ENABLE_MODE_TTMP_SAVE_MASK);
SAME_NUMBER(kQueueExceptions, KFD_EC_MASK_QUEUE);
SAME_NUMBER(kDeviceExceptions, KFD_EC_MASK_DEVICE);
SAME_NUMBER(kProcessExceptions, KFD_EC_MASK_PROCESS);
SAME_NUMBER(kQueueNew, KFD_EC_MASK(EC_QUEUE_NEW));
SAME_NUMBER(kProcessRuntime, KFD_EC_MASK(EC_PROCESS_RUNTIME));
SAME_NUMBER(CriuOp::kProcessInfo, KFD_CRIU_OP_PROCESS_INFO);
SAME_NUMBER(CriuOp::kUnpause, KFD_CRIU_OP_UNPAUSE);
SAME_NUMBER(CriuOp::kResume, KFD_CRIU_OP_RESUME);
SAME_NUMBER(SmiEvent::kVmFault, KFD_SMI_EVENT_VMFAULT);
SAME_NUMBER(SmiEvent::kGpuPreReset, KFD_SMI_EVENT_GPU_PRE_RESET);
SAME_NUMBER(SmiEvent::kQueueEviction, KFD_SMI_EVENT_QUEUE_EVICTION);
SAME_NUMBER(SmiEvent::kQueueRestore, KFD_SMI_EVENT_QUEUE_RESTORE);
SAME_NUMBER(SmiEvent::kAllProcesses, KFD_SMI_EVENT_ALL_PROCESS);
// The kernel shifts a signed 1, so that bit 31 must not be widened.
static_assert(kQueueError == static_cast<std::uint32_t>(KFD_DBG_QUEUE_ERROR_MASK));
static_assert(kQueueInvalid == 1U << KFD_DBG_QUEUE_INVALID_BIT);

TEST(Abi, IsThatOfTheSystemsHeader) { SUCCEED() << "compared when it was compiled"; }

}  // namespace
}  // namespace gpreempt::kfd::abi

#else

TEST(Abi, IsThatOfTheSystemsHeader) {
  GTEST_SKIP()
      << "the system's <linux/kfd_ioctl.h> is missing, lacks <drm/drm.h> or is older than KFD 1.13 "
         "(Linux 6.5), "
         "which is the first with DBG_TRAP; sizes, offsets and numbers are checked against "
         "constants in backends/kfd/abi_*.h";
}

#endif
