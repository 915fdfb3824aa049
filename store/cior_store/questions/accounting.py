"""Whether everything that was accepted is stored or dead."""

from __future__ import annotations

from cior_store.answers import BalanceRow, DeadRow
from cior_store.questions.asking import Asking, window


class Balances(Asking):
    """Accepted against stored, from the view that the asker's user may read."""

    balances = "ops.v_balance"

    def reconciliation(self, *, since_ms: int, until_ms: int) -> tuple[BalanceRow, ...]:
        """Accepted against stored by minute and connector instance, computed now from stored rows alone.

        A press re-sent forty times is forty raw records and one event: outcomes are counted by (raw record, index),
        so that balances too.
        """
        columns = ", ".join(BalanceRow.__struct_fields__)
        sql = f"""SELECT {columns} FROM {self.balances}(since_s = {{since_s:Int64}}, until_s = {{until_s:Int64}})
            ORDER BY minute_ms, connector, instance"""
        return self._store.ask(BalanceRow, sql, {"since_s": since_ms // 1000, "until_s": until_ms // 1000})


class AccountingQuestions(Balances):
    """Whether everything that was accepted is stored or dead."""

    def dead_letters(self, *, since_ms: int, until_ms: int, limit: int = 500) -> tuple[DeadRow, ...]:
        """What could not be decoded or processed, newest first, without the bytes."""
        sql = """SELECT dead_id, toUnixTimestamp64Milli(at) AS at_ms, stage, code, reason, source, payload_bytes,
            payload_sha256, life_safety, data_class, raw_id
            FROM ops.dead_letters FINAL WHERE at >= fromUnixTimestamp64Milli({since:Int64})
            AND at < fromUnixTimestamp64Milli({until:Int64})
            ORDER BY at DESC, dead_id LIMIT {limit:UInt32}"""
        return self._store.ask(DeadRow, sql, window(since_ms, until_ms, limit=limit))
