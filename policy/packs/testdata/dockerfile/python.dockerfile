FROM python:3.13-slim AS build
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1
RUN apt-get update \
    && apt-get install -y --no-install-recommends build-essential libpq-dev \
    && rm -rf /var/lib/apt/lists/*
RUN python -m venv /venv
ENV PATH="/venv/bin:$PATH"
COPY requirements.txt .
RUN pip install --require-hashes -r requirements.txt

FROM python:3.13-slim
RUN <<EOF
set -eux
apt-get update
apt-get install -y --no-install-recommends libpq5
rm -rf /var/lib/apt/lists/*
useradd --no-log-init --create-home --uid 10001 app
EOF
WORKDIR /app
COPY --from=build /venv /venv
COPY --chown=app:app app/ app/
ENV PATH="/venv/bin:$PATH" DJANGO_SETTINGS_MODULE=app.settings SECRET_KEY_FILE=/run/secrets/key
USER 10001
EXPOSE 8000
CMD ["gunicorn", "--bind", "0.0.0.0:8000", "app.wsgi"]
