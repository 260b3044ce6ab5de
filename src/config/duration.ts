/** The seconds that a duration such as `1h30m` has; `undefined` if the text is none. */
export function secondsOf(text: string): number | undefined {
  const [, ...amounts] = /^(?=\d)(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,6})s)?$/.exec(text) ?? [];
  const units = [86_400, 3600, 60, 1];
  if (amounts.length === 0) return undefined;
  return amounts.reduce((sum, amount, index) => sum + Number(amount ?? 0) * (units[index] ?? 0), 0);
}
