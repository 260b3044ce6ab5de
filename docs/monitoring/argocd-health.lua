-- Health of MachinePools, MachineConfigs and Machines for Argo CD, which does not know kstatus.
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  if condition.status == "True" or condition.type == "Ready" then
    conditions[condition.type] = condition
  end
end
local function health(state, condition, otherwise)
  return { status = state, message = condition and condition.message or otherwise }
end

if conditions.Stalled then
  return health("Degraded", conditions.Stalled)
end
if obj.spec ~= nil and obj.spec.paused then
  return health("Suspended", nil, "paused")
end
if status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", nil, "no agent has seen this yet")
end
if conditions.Reconciling then
  return health("Progressing", conditions.Reconciling)
end
if conditions.Ready and conditions.Ready.status == "True" then
  return health("Healthy", conditions.Ready)
end
return health("Progressing", conditions.Ready, "not Ready yet")
