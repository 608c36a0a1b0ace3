"""A call worker that is to be killed in mid-call: dials, says that it talks, and waits."""

from __future__ import annotations

import asyncio
import json
import sys

from dialer.settings import AriSettings, CallSettings, Settings
from dialer.telephony.ports import DialRequest, LineHandlers
from dialer.telephony.switch import AriSwitch


async def main(task: dict[str, str]) -> None:
    ari = AriSettings.model_validate({name: task[name] for name in ("url", "username", "password", "media")})
    async with AriSwitch(Settings(ari=ari, calls=CallSettings(cap_margin_s=1.0))) as switch:
        request = DialRequest(task["attempt_id"], "+79000000100", ring_timeout_s=5.0, max_call_s=2.0)
        result = await switch.line().dial(request, LineHandlers())
        assert result.disposition is None
        print("talking", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
